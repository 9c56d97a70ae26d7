/**
 * The port from which HAProxy goes on to the original in a client's name: the client's own, moved out of the range (32768 and
 * up) from which systems choose theirs. One to one for all clients that do so, hence free as long as the client's is its own.
 */
const mask = 0x7fff;
const first = 1024;

export const sourcePortExpression = `src_port,and(${mask}),add(${first})`;

/** The same of a peer `address:port`. */
export function movedPeer(peer: string): string {
  const colon = peer.lastIndexOf(':');
  return `${peer.slice(0, colon)}:${(Number(peer.slice(colon + 1)) & mask) + first}`;
}
