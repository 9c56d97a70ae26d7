/** Docker's multiplexed output (8 bytes of header per frame) as two streams that end when their source ends. */
import { PassThrough, type Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import type { OutputStreams } from './docker.ts';

export function split(client: Dockerode, source: NodeJS.ReadableStream & { destroy?: () => unknown }, tty: boolean): OutputStreams & { ended: Promise<void> } {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const ended = new Promise<void>((resolve) => {
    const finish = (): void => {
      stdout.end();
      stderr.end();
      resolve();
    };
    // A broken connection is an end too: whoever reads sees what came so far.
    for (const event of ['end', 'close', 'error']) source.once(event, finish);
  });
  if (tty) source.pipe(stdout, { end: false });
  else (client.modem as { demuxStream(from: NodeJS.ReadableStream, out: PassThrough, err: PassThrough): void }).demuxStream(source, stdout, stderr);
  return { stdout, stderr, ended, close: () => { source.destroy?.(); } };
}

export async function text(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
