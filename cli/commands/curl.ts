import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { text } from './choices.ts';

/** `svc/web:80/path?x=1`, or a URL with a name of the cluster. */
const servicePattern = /^(?:svc|services?)\/([a-z0-9][a-z0-9-]*(?::[A-Za-z0-9-]+)?)(\/.*)?$/s;

export const command: Command = {
  name: 'curl',
  summary: 'Ask the cluster with curl, as one of your bridge\'s requests',
  description: 'Runs curl in the link\'s network, with the DNS of the namespace and with the headers that make the request your bridge\'s. Options of curl come after --. The exit code is curl\'s.',
  arguments: [{ name: 'url', description: 'svc/NAME[:PORT][/PATH], or a URL', required: true }],
  takesRest: true,
  options: [{ name: 'bridge', description: 'whose rule it satisfies (default: your only one in the namespace)', value: { placeholder: 'NAME' } }],
  examples: [
    { command: 'bridge curl svc/web/view -n shop', explains: 'with the mark of your only bridge there' },
    { command: 'bridge curl http://web/orders --bridge api-ann -- -s -X POST -d @-', explains: 'curl\'s own options; the body from stdin' },
  ],
  async run(context) {
    const { host, rest } = context;
    const [url = ''] = context.args;
    const { withOwnBridge, runOwn } = await import('./own-run.ts');
    return withOwnBridge(context, async ({ cluster, namespace, bridge, domain, image }) => {
      const [{ findEntry }, { curlHeaders, ownContainer }] = await Promise.all([import('../preview/entry.ts'), import('../preview/own-view.ts')]);
      const [, service, path = '/'] = servicePattern.exec(url) ?? [];
      if (service === undefined && !/^https?:\/\/./.test(url)) throw new BridgeError({ kind: 'usage', code: 'usage', what: `'${url}' is nothing to ask`, why: 'it is neither svc/NAME[:PORT][/PATH] nor a URL', next: 'bridge curl svc/NAME/PATH' });
      const route = service === undefined ? undefined : (await findEntry(cluster, namespace, `svc/${service}`)).routes[0]!;
      const whole = route === undefined ? url : `${route.tls === true ? 'https' : 'http'}://${route.service}.${namespace}.svc.${domain}:${route.port}${path}`;
      const readsStdin = rest.some((word) => word === '-' || word.endsWith('@-'));
      const request = ownContainer({ image, namespace, base: 'curl', entrypoint: 'curl', command: [...curlHeaders(bridge), ...rest, whole], interactive: readsStdin });
      return { exitCode: await runOwn(context, host, request, () => undefined) };
    }, text(context, 'bridge'), 'the request gets what makes it one of a bridge\'s');
  },
};
