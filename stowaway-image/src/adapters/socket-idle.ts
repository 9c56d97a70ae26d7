/** Which connections of a pod's port are idle between two requests? The kernel knows (tcp_info, as `ss -i` prints it). */
import { inNetns } from './netns.ts';

export interface SocketTimes {
  /** `address:port` */
  peer: string;
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

/** Lines of `ss -tinHO state ...`: Recv-Q, Send-Q, local, peer, then the details, in which zeros are left out. */
export function parseSockets(text: string): SocketTimes[] {
  return text.split('\n').flatMap((line) => {
    const [received, sent, , peer] = line.trim().split(/\s+/);
    if (peer === undefined) return [];
    const detail = (name: string): number => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
    return [{
      peer, pending: received !== '0' || sent !== '0' || detail('unacked') > 0,
      sentBytes: detail('bytes_sent'), receivedBytes: detail('bytes_received'), sinceSentMs: detail('lastsnd'), sinceReceivedMs: detail('lastrcv'),
    }];
  });
}

/** Resets a connection, or all of them, as the kernel does when their owner ends. Without CONFIG_INET_DIAG_DESTROY nothing happens. */
export async function destroySockets(netns: string, which?: { local: string; peer: string }): Promise<void> {
  await inNetns(netns, ['ss', '-KtnH', 'state', 'connected', ...(which === undefined ? [] : ['src', which.local, 'dst', which.peer])]);
}
