/** Which connections of a pod's port are idle between two requests, and which wait to be taken? The kernel knows (tcp_info, as `ss -i` prints it). */
import { inNetns } from './netns.ts';

export interface SocketTimes {
  /** `address:port` */
  local: string;
  peer: string;
  /** It may have an address that is not the host's (IP_TRANSPARENT); undefined: not told. */
  transparent: boolean | undefined;
  /** Bytes in our queues or on their way, unacknowledged. */
  pending: boolean;
  sentBytes: number;
  receivedBytes: number;
  sinceSentMs: number;
  sinceReceivedMs: number;
}

/** Established connections to `address:port`. */
export async function establishedTo(netns: string, address: string, port: number): Promise<SocketTimes[]> {
  const { stdout } = await inNetns(netns, ['ss', '-tinHO', 'state', 'established', 'src', `${address}:${port}`]);
  return parseSockets(stdout);
}

/** Of the established connections to `address:port` those that the process which has the port answers: directly, or by way of a transparent proxy. @param proxied as in {@link answeredByOwner} */
export async function establishedWithOwner(netns: string, address: string, port: number, proxied: (peer: string) => string): Promise<SocketTimes[]> {
  const { stdout } = await inNetns(netns, ['ss', '-tinHO', '--inet-sockopt', 'state', 'established', `( sport = :${port} or dport = :${port} )`]);
  return answeredByOwner(stdout, `${address}:${port}`, proxied);
}

/**
 * @param text lines of `ss -tinHO --inet-sockopt state established`; kernels before 5.10 do not tell what is asked for here, and nothing is found
 * @param proxied where the proxy goes on from for a client (`address:port`)
 */
export function answeredByOwner(text: string, place: string, proxied: (peer: string) => string): SocketTimes[] {
  const sockets = parseSockets(text);
  const fromProxy = new Set(sockets.filter(({ peer, transparent }) => peer === place && transparent === true).map(({ local }) => local));
  return sockets.filter(({ local, peer, transparent }) => local === place && ((transparent === false && !fromProxy.has(peer)) || (transparent === true && fromProxy.has(proxied(peer)))));
}

/** Lines of `ss -tinHO state ...`: Recv-Q, Send-Q, local, peer, then the details, in which zeros are left out. */
export function parseSockets(text: string): SocketTimes[] {
  return text.split('\n').flatMap((line) => {
    const [received, sent, local, peer] = line.trim().split(/\s+/).map((word) => word.replace(/^\[::ffff:(.*)\]:/, '$1:'));
    if (local === undefined || peer === undefined) return [];
    const options = /inet-sockopt: \(([^)]*)\)/.exec(line)?.[1];
    const detail = (name: string): number => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
    return [{
      local, peer, transparent: options === undefined ? undefined : /\btransparent\b/.test(options), pending: received !== '0' || sent !== '0' || detail('unacked') > 0,
      sentBytes: detail('bytes_sent'), receivedBytes: detail('bytes_received'), sinceSentMs: detail('lastsnd'), sinceReceivedMs: detail('lastrcv'),
    }];
  });
}

/** Connections that a listening port of the namespace has got and its owner has not taken yet. */
export async function waitingAt(netns: string, port: number): Promise<number> {
  const { stdout } = await inNetns(netns, ['ss', '-tlnHO', `sport = :${port}`]);
  return stdout.split('\n').reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[1] ?? 0), 0);
}

/** Resets a connection, or all of them, as the kernel does when their owner ends. Without CONFIG_INET_DIAG_DESTROY nothing happens. */
export async function destroySockets(netns: string, which?: { local: string; peer: string }): Promise<void> {
  await inNetns(netns, ['ss', '-KtnH', 'state', 'connected', ...(which === undefined ? [] : ['src', which.local, 'dst', which.peer])]);
}

/**
 * Resets connections that are still quiet at a second look, right before: many clients may have waited for a processor, and then ask all at once.
 *
 * @param local `address:port`
 * @param quiet the peers at the first look
 * @returns how many were reset
 */
export async function resetStillQuiet(netns: string, local: string, quiet: ReadonlySet<string>, lookAgain: () => Promise<ReadonlySet<string>>): Promise<number> {
  if (quiet.size === 0) return 0;
  const still = await lookAgain();
  const peers = [...quiet].filter((peer) => still.has(peer));
  await Promise.all(peers.map(async (peer) => await destroySockets(netns, { local, peer })));
  return peers.length;
}
