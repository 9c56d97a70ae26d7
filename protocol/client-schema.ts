/** Schema of {@link Client}. */
import { conditions, integer, ipv4, list, object, rules, text, time, word, type Schema } from './schema.ts';
import { owner } from './owner-schema.ts';

/** 32 bytes in base64: 43 characters, the last of which carries four bits only, and one `=`. */
const publicKey = text(44, { pattern: '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$', description: 'WireGuard public key; the private key never leaves the laptop.' });
const cidr = text(43, { pattern: '^[0-9a-fA-F.:]+/[0-9]{1,3}$' });

const spec = object({
  owner,
  publicKey,
  ttl: text(32, {
    pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$',
    description: 'How long the client may be silent before it counts as Gone and its bridges are removed. Default 12h.',
    ...rules(["duration(self) >= duration('1s')", 'at least one second']),
  }),
}, ['owner', 'publicKey']);

const clusterFacts = object({
  ranges: list(cidr, 5000),
  dns: object({ server: text(45), domain: text(253) }, ['server', 'domain']),
  endpoints: list(object({ kind: word(['node', 'loadBalancer']), host: text(253), port: integer(1, 65535) }, ['kind', 'host', 'port']), 64),
  version: text(128),
}, ['ranges', 'dns', 'endpoints', 'version']);

const status = object({
  phase: word(['Pending', 'Online', 'Suspended', 'Gone'], { description: 'Written by the hub from heartbeats.' }),
  lastSeen: time,
  transport: word(['docker', 'udp', 'api']),
  address: ipv4,
  cluster: clusterFacts,
  traffic: object({ fromClient: integer(0, Number.MAX_SAFE_INTEGER, { format: 'int64' }), toClient: integer(0, Number.MAX_SAFE_INTEGER, { format: 'int64' }) }, ['fromClient', 'toClient']),
  hub: object({ publicKey, address: ipv4, pool: cidr }, ['publicKey', 'address', 'pool']),
  conditions,
});

export const clientSchema: Schema = object({ spec, status }, ['spec'], {
  description: 'One link: the WireGuard peer of one laptop.',
});
