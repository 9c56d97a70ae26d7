/**
 * Shapes of control requests. Everything that later stands in an nft script or on a command line is checked to its last
 * character. zod/mini: the full zod costs 12 MB of memory.
 */
import * as z from 'zod/mini';
import type { ContainerEgress, ControlMethod, ControlMethods, Forward, LinkConfig, RelayAccess } from '../../../protocol/control.ts';
import { bridgeUidPattern, type BridgeRef, type SessionRef } from '../../../protocol/heartbeat.ts';

const forwardsMax = 256;
const agentsMax = 64;
const endpointsMax = 32;
const waitMaxMs = 60_000;

const dnsName = z.string().check(z.regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.?$/, 'a DNS name'));
const port = z.int().check(z.minimum(1), z.maximum(65535));
const wireguardKey = z.string().check(z.regex(/^[A-Za-z0-9+/]{43}=$/, 'a WireGuard key in base64'));
/** Kubernetes names: RFC 1123 subdomains. */
const objectName = z.string().check(z.maxLength(253), z.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'a Kubernetes name'));

export const bridgeRef = z.object({ namespace: objectName, name: objectName }) satisfies z.ZodMiniType<BridgeRef>;

export const sessionRef = z.object({ namespace: objectName, name: objectName, uid: z.optional(z.string().check(z.regex(bridgeUidPattern, 'a UID'))) }) satisfies z.ZodMiniType<SessionRef>;

export const forward = z.object({ hubPort: port, protocol: z.enum(['TCP', 'UDP']), address: z.ipv4(), port }) satisfies z.ZodMiniType<Forward>;

export const containerEgress = z.object({ container: z.ipv4(), address: z.ipv4() }) satisfies z.ZodMiniType<ContainerEgress>;

export const agentAddress = z.string().check(z.regex(/^(\d{1,3}\.){3}\d{1,3}:\d{1,5}$/, 'ADDRESS:PORT'));

const endpoint = z.object({ host: dnsName, port });

export const linkConfig = z.object({
  address: z.ipv4(),
  hub: z.object({ publicKey: wireguardKey, endpoints: z.array(endpoint).check(z.maxLength(endpointsMax)), address: z.ipv4() }),
  transport: z.enum(['docker', 'udp', 'api']),
  fallBack: z.boolean(),
  mtu: z.int().check(z.minimum(576), z.maximum(65535)),
  dns: z.object({ server: z.ipv4(), domain: dnsName }),
  network: z.object({ subnet: z.cidrv4(), address: z.ipv4(), gateway: z.ipv4() }),
}) satisfies z.ZodMiniType<LinkConfig>;

/** Nothing of it ever stands on a command line; what is wrong with it is an error of the connection. */
export const relayAccess = z.object({
  server: z.url().check(z.maxLength(2000)),
  addresses: z.array(z.object({ host: z.string().check(z.minLength(1), z.maxLength(253)), port })).check(z.minLength(1), z.maxLength(endpointsMax)),
  serverName: z.optional(z.string().check(z.maxLength(253))),
  certificateAuthority: z.optional(z.string()),
  insecure: z.boolean(),
  proxy: z.optional(z.url().check(z.maxLength(2000))),
  path: z.string().check(z.regex(/^\/[\x21-\x7e]*$/, 'a path'), z.maxLength(2000)),
  token: z.string().check(z.regex(/^[\x21-\x7e]+$/, 'a token')),
  issuedAt: z.string(),
  expiresAt: z.string(),
}) satisfies z.ZodMiniType<RelayAccess>;

const nothing = z.record(z.string(), z.never());
const agentAndBridge = z.object({ agent: agentAddress, bridge: bridgeRef });
const bridgeOnly = z.object({ bridge: bridgeRef });

export const paramSchemas: { [M in ControlMethod]: z.ZodMiniType<ControlMethods[M]['params']> } = {
  hello: nothing,
  configure: linkConfig,
  relay: relayAccess,
  status: z.object({ waitForEchoMs: z.optional(z.int().check(z.minimum(0), z.maximum(waitMaxMs))) }),
  forward: z.object({ bridge: bridgeRef, forwards: z.array(forward).check(z.maxLength(forwardsMax)), egress: z.optional(containerEgress) }),
  rest: bridgeOnly,
  unforward: bridgeOnly,
  identity: agentAndBridge,
  files: z.object({ agents: z.array(agentAddress).check(z.maxLength(agentsMax)), bridge: bridgeRef }),
  counters: agentAndBridge,
  rules: agentAndBridge,
  check: nothing,
  tap: z.object({ agent: agentAddress, bridge: bridgeRef, after: z.int().check(z.minimum(0)) }),
  lifeline: z.object({ bridge: sessionRef }),
  release: bridgeOnly,
};

export const envelope = z.object({ id: z.int().check(z.minimum(0)), method: z.string(), params: z.optional(z.unknown()) });
