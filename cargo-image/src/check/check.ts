/** What `bridge doctor` cannot see from outside: does a packet of full size get through, does a name get resolved. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import type { LinkCheck, LinkConfig } from '../../../protocol/control.ts';
import type { Heartbeat } from '../../../protocol/heartbeat.ts';
import { ports } from '../../../protocol/ports.ts';

/** A lost datagram is not a small path: each size is tried this often. */
const attempts = 3;
const answerTimeoutMs = 1000;
/** IPv4 and UDP headers. */
const headerBytes = 28;
/** Every path carries this (RFC 8200's minimum, which IPv4 tunnels keep to as well). */
const smallBytes = 1280;

/** A heartbeat that fills an IP packet of `packetBytes`; the hub reads what it knows of it and answers. */
export function paddedHeartbeat(packetBytes: number, transport: Heartbeat['transport'], seq: number): Buffer {
  const beat: Heartbeat & { pad: string } = { v: 1, seq, transport, ended: [], pad: '' };
  beat.pad = 'x'.repeat(Math.max(0, packetBytes - headerBytes - Buffer.byteLength(JSON.stringify(beat))));
  return Buffer.from(JSON.stringify(beat));
}

function answered(link: LinkConfig, datagram: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => finish(false), answerTimeoutMs);
    const finish = (outcome: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    socket.once('error', () => finish(false));
    socket.once('message', () => finish(true));
    socket.bind({ address: link.address, port: 0 }, () => socket.send(datagram, ports.heartbeat, link.hub.address, () => undefined));
  });
}

async function carries(link: LinkConfig, packetBytes: number): Promise<boolean> {
  for (let attempt = 1; attempt <= attempts; attempt++) if (await answered(link, paddedHeartbeat(packetBytes, link.transport, attempt))) return true;
  return false;
}

async function resolveName(link: LinkConfig): Promise<LinkCheck['dns']> {
  const name = `kubernetes.default.svc.${link.dns.domain}`;
  const resolver = new Resolver({ timeout: answerTimeoutMs, tries: attempts });
  resolver.setServers([link.network.address]);
  const started = performance.now();
  try {
    const addresses = await resolver.resolve4(name);
    return { name, addresses, elapsedMs: Math.round(performance.now() - started) };
  } catch (error) {
    return { name, addresses: [], elapsedMs: Math.round(performance.now() - started), error: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
}

export async function checkLink(link: LinkConfig): Promise<LinkCheck> {
  const [full, small, dns] = await Promise.all([carries(link, link.mtu), carries(link, smallBytes), resolveName(link)]);
  return { packets: [{ bytes: link.mtu, answered: full }, { bytes: smallBytes, answered: small }], dns };
}
