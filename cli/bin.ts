/** The program's entry. Node's version is checked before anything newer than it is loaded. */
import module from 'node:module';
import { processHost, signalHandlers as handlers, tellStuck } from './process-host.ts';

const oldestNode = 22;
/**
 * Nobody reads any more (`bridge list | head`, a closed terminal): the end of the program, and no error of ours. What has
 * something to undo is told as if the terminal hung up.
 */
function watchStreams(): void {
  let told = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (handlers.size === 0) process.exit(error.code === 'EPIPE' ? 0 : 1);
      if (!told) for (const handler of [...handlers]) handler('SIGHUP');
      told = true;
    });
  }
}

/** Pipes are written asynchronously: exiting before they are drained loses the end of the answer. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => (stream.writableLength === 0 || stream.destroyed ? resolve() : stream.write('', () => resolve())));
}

async function start(): Promise<number> {
  if (Number(process.versions.node.split('.')[0]) < oldestNode) {
    process.stderr.write(`error: bridge needs Node.js ${oldestNode} or newer; this is ${process.versions.node} (${process.execPath})\n  next: install a newer one from https://nodejs.org, or run it with one: npx --package=node@${oldestNode} node ${process.argv[1] ?? 'bridge'}\n`);
    return 3;
  }
  module.enableCompileCache?.();
  // Warnings about what dependencies use are for us, not for users.
  process.noDeprecation = true;
  watchStreams();
  const { main } = await import('./main.ts');
  const host = processHost();
  // As a plugin of docker this same file is called docker-bridge (kubectl needs nothing: it passes everything on).
  if (host.program === 'docker bridge') {
    const { asDockerPlugin } = await import('./docker-plugin.ts');
    return asDockerPlugin(host, main);
  }
  if (host.program === 'podbridge' && host.argv[0] === 'compose') {
    const { asComposeProvider, isProviderCall } = await import('./compose-provider.ts');
    if (isProviderCall(host.argv)) return asComposeProvider(host);
  }
  return main(host.argv, host);
}

tellStuck();
const exitCode = await start();
await Promise.all([drained(process.stdout), drained(process.stderr)]);
process.exit(exitCode);
