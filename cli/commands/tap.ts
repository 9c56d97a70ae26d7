import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { clusterChoice, flag, text, texts } from './choices.ts';

function countOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new BridgeError({ kind: 'usage', code: 'usage', what: `--count ${value} is no number of requests`, next: '--count 10' });
  return Number(value);
}

export const command: Command = {
  name: 'tap',
  summary: 'Watch the HTTP requests that a workload gets',
  description: `Live, from all pods of the target: time, method, path, status, how long it took, mark, and which side answered. Nothing is taken away
and nobody notices. Values that look like secrets are masked, in headers and in queries. Ends with Ctrl-C.`,
  arguments: [{ name: 'target', description: 'deploy, sts, ds, rs, pod, job, svc, or a kind with a scale, as KIND/NAME', required: true }],
  examples: [
    { command: 'bridge tap deploy/api -n shop', explains: 'every HTTP request' },
    { command: 'bridge tap deploy/api --mark ann --headers', explains: 'those with a mark, with their headers' },
    { command: 'bridge tap deploy/api --path-prefix /orders --count 1 -o json', explains: 'wait for one, as JSON' },
  ],
  options: [
    { name: 'container', description: 'which container of the target', value: { placeholder: 'NAME' } },
    { name: 'port', description: 'only this port of the pod, by number or name', value: { placeholder: 'PORT' }, repeatable: true },
    { name: 'mark', description: 'only requests with the baggage member bridge=ID', value: { placeholder: 'ID' }, repeatable: true },
    { name: 'header', description: 'only requests with this header: NAME=VALUE, NAME^=PREFIX or NAME~=REGEX', value: { placeholder: 'MATCH' }, repeatable: true },
    { name: 'path', description: 'only requests for this path', value: { placeholder: 'PATH' }, repeatable: true },
    { name: 'path-prefix', description: 'only requests for paths that begin so', value: { placeholder: 'PREFIX' }, repeatable: true },
    { name: 'path-regex', description: 'only requests for paths that match', value: { placeholder: 'REGEX' }, repeatable: true },
    { name: 'method', description: 'only requests of this method', value: { placeholder: 'METHOD' }, repeatable: true },
    { name: 'headers', description: 'headers of request and response too' },
    { name: 'count', description: 'end after so many requests', value: { placeholder: 'N' } },
    { name: 'tls-cert', description: 'see into TLS, with these PEM files of the target\'s container', value: { placeholder: 'CERT[,KEY]' } },
    { name: 'tls-secret', description: 'the same with the Secret of this name, which the target\'s container has mounted', value: { placeholder: 'NAME' } },
  ],
  async run(context) {
    const { host, reporter, output } = context;
    const [{ connectCluster }, { connectDocker }, { openLink }, { tap, tapLine }, { Steps }, { parseTarget }, { rulesFromOptions }, { trafficFromFlags }, { undeclaredPorts }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../bridge/tap.ts'), import('../steps/steps.ts'),
      import('../target/parse-target.ts'), import('../bridge/rules.ts'), import('../bridge/traffic.ts'), import('../bridge/take-place.ts'),
    ]);
    const ref = parseTarget(context.args[0] ?? '', (target) => `bridge tap ${target}`);
    const rules = rulesFromOptions(context.options);
    const traffic = trafficFromFlags({
      fallback: undefined, check: undefined, tlsCert: text(context, 'tlsCert'), tlsSecret: text(context, 'tlsSecret'), plaintext: false, proxyProtocol: false,
      mode: undefined, delay: undefined, fault: undefined, ruled: rules.length > 0,
    });
    const [container, count] = [text(context, 'container'), countOf(text(context, 'count'))];
    const [docker, cluster] = await Promise.all([connectDocker(host), connectCluster(host, clusterChoice(context))]);
    const namespace = text(context, 'namespace') ?? cluster.context.namespace;
    const steps = new Steps(reporter, () => host.now());
    const json = output === 'json';
    const ports = texts(context, 'port');
    try {
      await tap({
        host, cluster, steps, ref, namespace, rules, ports, traffic: { ...traffic, ...(flag(context, 'headers') ? { tapHeaders: true } : {}) },
        ...(container === undefined ? {} : { container }), ...(count === undefined ? {} : { count }),
        link: () => openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes') }),
        onTarget(target) {
          for (const { code, text: words } of ports.length === 0 ? [] : undeclaredPorts(target)) reporter.emit({ type: 'warning', code, text: words, at: host.now() });
        },
        onReady(bridge) {
          const pods = (bridge.status?.pods ?? []).map(({ name }) => name);
          if (json) host.stdout.write(`${JSON.stringify({ type: 'ready', bridge: { namespace, name: bridge.metadata.name }, pods })}\n`);
          else reporter.emit({ type: 'note', text: `Watching ${pods.length} pod${pods.length === 1 ? '' : 's'}. Ctrl-C ends it`, at: host.now() });
        },
        onEvent: (event) => { host.stdout.write(`${json ? JSON.stringify({ type: 'request', ...event }) : tapLine(event)}\n`); },
        onLost: (lost) => {
          if (json) host.stdout.write(`${JSON.stringify({ type: 'lost', count: lost })}\n`);
          else reporter.emit({ type: 'note', text: `${lost} requests came too fast to be shown`, at: host.now() });
        },
      });
      return {};
    } finally {
      cluster.close();
    }
  },
};
