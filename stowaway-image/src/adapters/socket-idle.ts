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

/** Of the established connections to `address:port` those that end at the process which has the port, and not at a transparent proxy. */
export async function directTo(netns: string, address: string, port: number): Promise<SocketTimes[]> {
  const { stdout } = await inNetns(netns, ['ss', '-tinHO', '--inet-sockopt', 'state', 'established', `( sport = :${port} or dport = :${port} )`]);
  return directSockets(stdout, `${address}:${port}`);
}

/** @param text lines of `ss -tinHO --inet-sockopt state established`; what kernels before 5.10 do not tell is taken for a proxy's */
export function directSockets(text: string, place: string): SocketTimes[] {
  const sockets = parseSockets(text);
  // The proxy's own way to the process begins here, too.
  const proxied = new Set(sockets.filter(({ peer }) => peer === place).map(({ local }) => local));
  return sockets.filter(({ local, peer, transparent }) => local === place && transparent === false && !proxied.has(peer));
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
