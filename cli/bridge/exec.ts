/** A command in a container, tied to our own streams, or collected for a JSON answer. */
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { pass } from './container-io.ts';

export interface ExecRequest {
  container: string;
  command: string[];
  interactive: boolean;
  tty: boolean;
  env: string[];
  workingDir?: string;
  user?: string;
  /** Give the output back instead of passing it on. */
  collect: boolean;
}

export async function execIn(docker: Docker, host: Host, { container, command, interactive, tty, env, workingDir, user, collect }: ExecRequest): Promise<{ exitCode: number; stdout?: string; stderr?: string }> {
  const options = { env, ...(workingDir === undefined ? {} : { workingDir }), ...(user === undefined ? {} : { user }) };
  if (collect) return docker.containers.exec(container, command, options);
  const process = await docker.containers.execStream(container, command, { ...options, tty });
  const raw = interactive && tty && host.stdin.isTTY === true;
  const resize = () => {
    const { columns, rows } = host.stdout;
    if (columns !== undefined && rows !== undefined) process.resize({ columns, rows }).catch(() => undefined);
  };
  try {
    process.stdin.on('error', () => undefined);
    if (interactive) {
      if (raw) host.stdin.setRawMode?.(true);
      host.stdin.pipe(process.stdin);
    } else {
      process.stdin.end();
    }
    if (tty) {
      host.stdout.on('resize', resize);
      resize();
    }
    await Promise.all([pass(process.stdout, host.stdout), ...(tty ? [] : [pass(process.stderr, host.stderr)])]);
    return { exitCode: await process.ended };
  } finally {
    host.stdout.off('resize', resize);
    if (interactive) {
      host.stdin.unpipe(process.stdin);
      if (raw) host.stdin.setRawMode?.(false);
      host.stdin.pause();
    }
    process.close();
  }
}
