/** Makes the WireGuard device: in the kernel where it can, else by wireguard-go. */
import { access, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { child, command, type Child } from './command.ts';

export type Implementation = 'kernel' | 'wireguard-go';

export interface TunnelDevice {
  implementation: Implementation;
  /** Only with wireguard-go; its end is the end of the link. */
  process?: Child;
}

const socketPollMs = 5;
const socketTimeoutMs = 5000;

export interface TunnelDeviceOptions {
  /** Leave the kernel out of it; for tests and for kernels whose module misbehaves. */
  forceUserspace?: boolean;
  onLine: (line: string) => void;
}

export async function makeTunnelDevice(device: string, options: TunnelDeviceOptions): Promise<TunnelDevice> {
  if (options.forceUserspace !== true) {
    try {
      await command('ip', ['link', 'add', 'dev', device, 'type', 'wireguard']);
      return { implementation: 'kernel' };
    } catch { /* no module, or none for containers: userspace does the same */ }
  }
  const socket = `/var/run/wireguard/${device}.sock`;
  // After `docker restart` the last one's socket still lies there and would look like readiness.
  await rm(socket, { force: true });
  // -f and nothing in the environment: WG_PROCESS_FOREGROUND=0 makes it re-execute itself for ever.
  // GOGC/GOMEMLIMIT: buffers are pooled and never given back otherwise; after a big download it would keep more than 100 MB.
  const process = child('wireguard-go', ['-f', device], { LOG_LEVEL: 'error', GOGC: '50', GOMEMLIMIT: '96MiB' }, (line) => {
    // It draws a box that recommends the kernel module.
    if (!/^[┌│└]/.test(line)) options.onLine(line);
  });
  let ended: string | undefined;
  void process.ended.then((how) => { ended = how; });
  for (let waitedMs = 0; waitedMs < socketTimeoutMs; waitedMs += socketPollMs) {
    if (ended !== undefined) throw new Error(`${ended}; is /dev/net/tun in this container, and NET_ADMIN?`);
    if (await access(socket).then(() => true, () => false)) return { implementation: 'wireguard-go', process };
    await sleep(socketPollMs);
  }
  throw new Error(`wireguard-go did not open ${socket}`);
}
