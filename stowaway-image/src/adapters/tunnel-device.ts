/** Makes the WireGuard device: in the kernel where it can, else by wireguard-go. */
import { access, mkdir } from 'node:fs/promises';
import { child, type Child } from './child.ts';
import { run } from './run.ts';

export interface TunnelDevice {
  implementation: 'kernel' | 'wireguard-go';
  /** Only with wireguard-go; its end is the end of the tunnel. */
  process?: Child;
}

export interface TunnelDeviceOptions {
  /** Leave the kernel out of it: for tests, and for kernels whose module misbehaves. */
  forceUserspace: boolean;
  onLine: (line: string) => void;
}

/** Its framed advice to use the kernel, which has been tried; and that it cannot call a client that has not called since we started, which is no error here. */
const noise = /^[┌│└]|no known endpoint for peer/;
const socketPollMs = 5;
const socketTimeoutMs = 5000;
const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);

export async function makeTunnelDevice(device: string, { forceUserspace, onLine }: TunnelDeviceOptions): Promise<TunnelDevice> {
  // What an earlier life of this container's network namespace left behind.
  await run(['ip', 'link', 'delete', 'dev', device], { ok: [0, 1] });
  if (!forceUserspace && (await run(['ip', 'link', 'add', 'dev', device, 'type', 'wireguard'], { ok: [0, 1, 2] })).exitCode === 0) {
    return { implementation: 'kernel' };
  }
  await makeTunNode();
  // -f, and never WG_PROCESS_FOREGROUND=0: that makes it re-execute itself for ever.
  // Its buffers are pooled and would stay after a big download; these two give the memory back.
  const process = child(['wireguard-go', '-f', device], { LOG_LEVEL: 'error', GOGC: '50', GOMEMLIMIT: '96MiB' }, (line) => { if (!noise.test(line)) onLine(line); });
  let ended: string | undefined;
  void process.ended.then((how) => { ended = how; });
  for (let waitedMs = 0; waitedMs < socketTimeoutMs; waitedMs += socketPollMs) {
    if (ended !== undefined) throw new Error(`${ended}; has this container NET_ADMIN, and may it open /dev/net/tun?`);
    if (await exists(`/var/run/wireguard/${device}.sock`)) return { implementation: 'wireguard-go', process };
    await new Promise((resolve) => setTimeout(resolve, socketPollMs));
  }
  throw new Error(`wireguard-go did not open its socket for ${device} within ${socketTimeoutMs} ms`);
}

/** Container runtimes allow the device 10:200 but make no node for it; the capability MKNOD suffices to make one. */
async function makeTunNode(): Promise<void> {
  if (await exists('/dev/net/tun')) return;
  await mkdir('/dev/net', { recursive: true });
  await run(['mknod', '-m', '0600', '/dev/net/tun', 'c', '10', '200']);
}
