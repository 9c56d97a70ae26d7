/** A container's log on our own streams: bytes as they are, or JSON lines. Ctrl-C ends following without touching the container. */
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { ended, lines, pass } from './container-io.ts';

export interface StreamOptions {
  follow: boolean;
  tail?: number;
  timestamps: boolean;
  json: boolean;
}

export async function streamLogs(docker: Docker, host: Host, container: string, { follow, tail, timestamps, json }: StreamOptions): Promise<void> {
  const tty = (await docker.containers.find(container))?.tty === true;
  const log = await docker.containers.logs(container, { follow, timestamps, tty, ...(tail === undefined ? {} : { tail }) });
  const stop = host.onSignal(() => log.close());
  const line = (stream: string) => (content: string) => void host.stdout.write(`${JSON.stringify({ type: 'log', stream, line: content })}\n`);
  try {
    await (json
      ? Promise.all([lines(log.stdout, line('stdout')), tty ? ended(log.stderr.resume()) : lines(log.stderr, line('stderr'))])
      : Promise.all([pass(log.stdout, host.stdout), pass(log.stderr, host.stderr)]));
  } finally {
    stop();
  }
}
