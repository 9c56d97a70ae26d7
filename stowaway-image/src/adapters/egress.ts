/** Tunnels whose one end is in a pod's network namespace, while their outer packets stay in ours. */
import { ip } from './ip.ts';
import { inNetns, inNetnsOf } from './netns.ts';
import { run } from './run.ts';

/** @param words for `ip`: makes the device in `netns` @param lines for `ip -batch` there */
export async function makeTunnel(device: string, netns: string, words: readonly string[], lines: string[]): Promise<void> {
  // One that a dead agent has left has the same number, and perhaps another far end.
  await closeTunnel(device, netns);
  await run(['ip', ...words]);
  await ip.batch(lines, netns);
}

/**
 * Lets what comes from the device reach 127.0.0.1, which the kernel forbids otherwise (route_localnet, Documentation/networking/ip-sysctl.rst).
 * Containers see /proc/sys read-only; that is undone in a mount namespace that lives as long as the command.
 * @throws CommandError when the pod's network does not forward
 */
export async function letTunnelIn(device: string, netns: string): Promise<void> {
  await inNetns(netns, ['unshare', '--mount', 'sh', '-c', 'mount -o remount,bind,rw /proc/sys && echo 1 > "/proc/sys/net/ipv4/conf/$1/route_localnet" && grep -qx 1 /proc/sys/net/ipv4/ip_forward || { echo "net.ipv4.ip_forward is not 1 in the pod" >&2; exit 1; }', 'sh', device]);
}

/** Gone already: nothing happens. */
export async function closeTunnel(device: string, netns: string): Promise<void> {
  await run(['ip', '-n', netns, 'link', 'delete', device], { ok: [0, 1] });
}

/** In a network namespace without a name: interfaces there. */
export async function linksOf(pid: number): Promise<string[]> {
  const { stdout } = await inNetnsOf(pid, ['ip', '-j', 'link', 'show']);
  return (JSON.parse(stdout === '' ? '[]' : stdout) as { ifname?: string }[]).flatMap(({ ifname }) => ifname ?? []);
}

export async function closeTunnelOf(pid: number, device: string): Promise<void> {
  await inNetnsOf(pid, ['ip', 'link', 'delete', device], { ok: [0, 1] });
}
