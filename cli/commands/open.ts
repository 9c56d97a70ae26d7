import { platform } from 'node:os';
import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { flag, text } from './choices.ts';

const answerLimitMs = 20_000;

/** How this system opens an address in the browser of its user. */
function opener(system: string, env: Record<string, string | undefined>): string {
  return env.BROWSER ?? (system === 'darwin' ? 'open' : system === 'win32' ? 'explorer' : 'xdg-open');
}

export const command: Command = {
  name: 'open',
  summary: 'See the system with your bridge in your own browser',
  description: 'Opens an address of 127.0.0.1 that shows a Service or an Ingress of the cluster with your bridge\'s mark on every request. Nobody else can reach it, and it answers to 127.0.0.1 and localhost only. Ends with Ctrl-C.',
  arguments: [{ name: 'entry', description: 'svc/NAME[:PORT] or ingress/NAME (default: the only Service of the namespace)' }],
  options: [
    { name: 'bridge', description: 'whose rule it satisfies (default: your only one in the namespace)', value: { placeholder: 'NAME' } },
    { name: 'port', description: 'port of 127.0.0.1 (default: a free one)', value: { placeholder: 'PORT' } },
    { name: 'host', description: 'Host header for the entry (default: the Ingress\'s, or 127.0.0.1 and the port)', value: { placeholder: 'HOST' } },
    { name: 'no-browser', description: 'only print the address' },
  ],
  examples: [
    { command: 'bridge open svc/web -n shop', explains: 'the page of web, with the mark of your only bridge there' },
    { command: 'bridge open ingress/shop --bridge api-ann --port 8000', explains: 'on a port of your choice' },
  ],
  async run(context) {
    const { host, reporter, output } = context;
    const given = text(context, 'port');
    if (given !== undefined && !(/^\d+$/.test(given) && Number(given) >= 1 && Number(given) <= 65535)) throw new BridgeError({ kind: 'usage', code: 'usage', what: `--port ${given} is no port`, next: '--port 8000' });
    const { withOwnBridge, runOwn } = await import('./own-run.ts');
    return withOwnBridge(context, async ({ cluster, namespace, bridge, domain, image }) => {
      const [{ findEntry, onlyService }, { openSettings, ownContainer }, { freePort, untilAnswered }, { ports }, { isInteractive }, { run }] = await Promise.all([
        import('../preview/entry.ts'), import('../preview/own-view.ts'), import('../preview/local-port.ts'), import('../../protocol/ports.ts'), import('../ui/terminal.ts'), import('../adapters/process/index.ts'),
      ]);
      const entry = await findEntry(cluster, namespace, context.args[0] ?? await onlyService(cluster, namespace));
      const port = given === undefined ? await freePort() : Number(given);
      const url = `http://127.0.0.1:${port}/`;
      const request = ownContainer({
        image, namespace, base: 'open', command: ['open'], interactive: false, env: [['PODBRIDGE_OPEN', openSettings(bridge, entry, text(context, 'host'), domain, port)]],
        publish: [{ containerPort: ports.open, protocol: 'tcp', hostIp: '127.0.0.1', hostPort: port }],
      });
      const ended = new AbortController();
      const exitCode = await runOwn(context, host, request, () => {
        void untilAnswered(url, answerLimitMs, ended.signal).then(async (answered) => {
          if (!answered) return;
          if (output === 'json') host.stdout.write(`${JSON.stringify({ type: 'ready', url, bridge: bridge.metadata.name, entry: entry.text })}\n`);
          else host.stdout.write(`${url}\n`);
          reporter.emit({ type: 'note', text: `${entry.text} with bridge ${bridge.metadata.name}. Ctrl-C ends it`, at: host.now() });
          if (!flag(context, 'noBrowser') && isInteractive(host)) await run([opener(platform(), host.env), url]).catch(() => undefined);
        });
      });
      ended.abort();
      return { exitCode };
    }, text(context, 'bridge'), 'your browser is shown the system as requests of a bridge see it');
  },
};
