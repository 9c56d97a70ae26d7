import { inNetns } from './netns.ts';

/** Forgets the flows to a UDP port, so that also a client that goes on from the same port meets the rules of now. */
export async function forgetUdpFlows(netns: string, port: number): Promise<void> {
  // 1: there was none.
  await inNetns(netns, ['conntrack', '-D', '-p', 'udp', '--orig-port-dst', String(port)], { ok: [0, 1] });
}
