/** Heartbeats come from other people's machines: everything in them is checked. */
import { bridgeUidPattern, heartbeatMaxBytes, heartbeatMaxEnded, type Heartbeat, type SessionRef } from '../../../protocol/heartbeat.ts';

const transports = new Set<unknown>(['docker', 'udp', 'api']);
const namePattern = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Undefined for everything that is no heartbeat. */
export function parseHeartbeat(datagram: Buffer): Heartbeat | undefined {
  if (datagram.length > heartbeatMaxBytes) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(datagram.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { v, seq, transport, ended } = value as Record<string, unknown>;
  if (v !== 1 || typeof seq !== 'number' || !Number.isSafeInteger(seq) || !transports.has(transport)) return undefined;
  if (!Array.isArray(ended)) return undefined;
  // Of a client that names more at once, the first ones: without an echo it could never forget any of them, and its link would be silent for good.
  const heard: unknown[] = ended.slice(0, heartbeatMaxEnded);
  if (!heard.every(isSessionRef)) return undefined;
  return { v, seq, transport: transport as Heartbeat['transport'], ended: heard.map(({ namespace, name, uid }) => ({ namespace, name, ...(uid === undefined ? {} : { uid }) })) };
}

function isSessionRef(value: unknown): value is SessionRef {
  const { namespace, name, uid } = (value ?? {}) as Record<string, unknown>;
  return typeof namespace === 'string' && typeof name === 'string' && namePattern.test(namespace) && namePattern.test(name)
    && (uid === undefined || (typeof uid === 'string' && bridgeUidPattern.test(uid)));
}
