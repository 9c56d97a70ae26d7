/** Ties the container's streams to the terminal or to pipes for as long as it runs in the foreground. */
import type { Readable, Writable } from 'node:stream';
import type { Attachment, Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';

export interface ContainerIo {
  /** Lets the output flow; until then it is held back. */
  show(): void;
  /** Resolves when everything the container has written has been passed on. */
  finished: Promise<void>;
  /** Gives the terminal back. */
  detach(): void;
}

export interface IoOptions {
  container: string;
  interactive: boolean;
  tty: boolean;
  /** Called with each line instead of passing bytes on (`-o json`). */
  onLine?: (stream: 'stdout' | 'stderr', line: string) => void;
}

/** Passes everything on and never ends the target: stdout is not ours to close. */
export function pass(source: Readable, target: Writable): Promise<void> {
  source.pipe(target, { end: false });
  return ended(source);
}

export function ended(source: Readable): Promise<void> {
  return new Promise((resolve) => {
    source.once('end', resolve);
    source.once('close', resolve);
    // A broken connection ends the output like its end does; the exit code is asked for separately.
    source.once('error', () => resolve());
  });
}

export async function lines(source: Readable, onLine: (line: string) => void): Promise<void> {
  let rest = '';
  source.setEncoding('utf8');
  source.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    parts.forEach(onLine);
  });
  await ended(source);
  if (rest !== '') onLine(rest);
}

function followSize(docker: Docker, container: string, host: Host): () => void {
  const resize = () => {
    const { columns, rows } = host.stdout;
    // The container may just have ended: then there is nothing left to resize.
    if (columns !== undefined && rows !== undefined) docker.containers.resize(container, { columns, rows }).catch(() => undefined);
  };
  host.stdout.on('resize', resize);
  resize();
  return () => host.stdout.off('resize', resize);
}

/** Attach before the start, so that nothing the container says is lost. */
export async function attachContainer(docker: Docker, host: Host, { container, interactive, tty, onLine }: IoOptions): Promise<ContainerIo> {
  const attachment: Attachment = await docker.containers.attach(container, { stdin: interactive, tty });
  const cleanups: (() => void)[] = [];
  let showing: Promise<unknown> | undefined;
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => (finish = resolve));

  const show = () => {
    if (showing !== undefined) return;
    const outputs = onLine === undefined
      ? [pass(attachment.stdout, host.stdout), ...(tty ? [] : [pass(attachment.stderr, host.stderr)])]
      : [lines(attachment.stdout, (line) => onLine('stdout', line)), ...(tty ? [] : [lines(attachment.stderr, (line) => onLine('stderr', line))])];
    showing = Promise.all(outputs).then(finish);
    if (tty) cleanups.push(followSize(docker, container, host));
    if (!interactive) return;
    if (tty && host.stdin.isTTY === true) {
      host.stdin.setRawMode?.(true);
      cleanups.push(() => host.stdin.setRawMode?.(false));
    }
    host.stdin.pipe(attachment.stdin);
    cleanups.push(() => host.stdin.unpipe(attachment.stdin), () => host.stdin.pause());
  };

  return {
    show,
    finished,
    detach() {
      for (const cleanup of cleanups.splice(0)) cleanup();
      attachment.close();
      finish();
    },
  };
}
