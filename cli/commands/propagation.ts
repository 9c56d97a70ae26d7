import type { Command } from '../command.ts';
import { BridgeError, exitCodes } from '../errors.ts';
import type { Probe } from '../propagation/verdict.ts';
import { clusterChoice, flag, text } from './choices.ts';

const mostWatched = 30;

export const command: Command = {
  name: 'propagation',
  summary: 'Find out where a mark gets lost on its way',
  description: `check sends marked requests to an entry and shows, workload by workload, where the mark arrived and who dropped it, with what to do
there. Agents only watch the workloads; nothing of them changes, and the mark is one that no bridge has. The exit code is 3 when
the mark is lost somewhere.`,
  arguments: [
    { name: 'action', description: 'check', required: true, choices: ['check'] },
    { name: 'workload', description: 'what to watch, as KIND/NAME (default: all Deployments, StatefulSets and DaemonSets of the namespace that have ports)', variadic: true },
  ],
  options: [
    { name: 'entry', description: 'where requests begin: svc/NAME[:PORT], ingress/NAME, or a URL', value: { placeholder: 'ENTRY' } },
    { name: 'path', description: 'of an entry svc/NAME or ingress/NAME', value: { placeholder: 'PATH' }, default: '/' },
    { name: 'count', description: 'how many requests', value: { placeholder: 'N' }, default: '5' },
  ],
  examples: [
    { command: 'bridge propagation check --entry svc/web -n shop', explains: 'all workloads of the namespace' },
    { command: 'bridge propagation check --entry svc/web --path /view deploy/web deploy/api deploy/orders', explains: 'these only' },
  ],
  async run(context) {
    const { host, reporter } = context;
    const [action, ...named] = context.args;
    const [given, path, count] = [text(context, 'entry'), text(context, 'path') ?? '/', Number(text(context, 'count'))];
    if (action !== 'check') throw new BridgeError({ kind: 'usage', code: 'usage', what: `bridge propagation ${action} is not understood`, why: 'the action is check', next: 'bridge propagation check --entry svc/NAME' });
    if (given === undefined) throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no entry was named', next: 'bridge propagation check --entry svc/NAME' });
    if (!/^(https?:\/\/.|[a-z]+\/.)/.test(given)) throw new BridgeError({ kind: 'usage', code: 'entry-malformed', what: `'${given}' is no entry`, why: 'an entry is a Service, an Ingress or a URL', next: /^[a-z0-9.-]+$/.test(given) ? `--entry svc/${given}, or --entry http://${given}/` : '--entry svc/NAME, ingress/NAME or a URL' });
    if (!Number.isInteger(count) || count < 1 || count > 50) throw new BridgeError({ kind: 'usage', code: 'usage', what: `--count ${text(context, 'count')} is no number from 1 to 50`, next: '--count 5' });
    if (!/^\/[!-~]*$/.test(path)) throw new BridgeError({ kind: 'usage', code: 'usage', what: `--path ${path} is no path`, next: '--path /' });
    const [{ connectCluster }, { connectDocker }, { openLink }, { Steps }, { check }, { judge }, { verdictText }, { findEntry }, { probeCommand, readAnswers }, { ownContainer }, { runOwn }, { podAddresses, watchable }, { ensureImage }, { interruptible }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../steps/steps.ts'), import('../propagation/check.ts'), import('../propagation/verdict.ts'),
      import('../propagation/report.ts'), import('../preview/entry.ts'), import('../propagation/probe-command.ts'), import('../preview/own-view.ts'), import('./own-run.ts'), import('../propagation/watchable.ts'), import('../image/build.ts'), import('../bridge/interrupts.ts'),
    ]);
    const [docker, cluster] = await Promise.all([connectDocker(host), connectCluster(host, clusterChoice(context))]);
    const steps = new Steps(reporter, () => host.now());
    try {
      return await interruptible(host, steps, async () => {
        const namespace = text(context, 'namespace') ?? cluster.context.namespace;
        const workloads = named.length > 0 ? named : await watchable(cluster, namespace);
        if (workloads.length === 0 || workloads.length > mostWatched) {
          throw new BridgeError({ kind: 'usage', code: 'usage', what: workloads.length === 0 ? `namespace ${namespace} has no workload to watch` : `namespace ${namespace} has ${workloads.length} workloads, and ${mostWatched} can be watched at once`, next: 'bridge propagation check --entry svc/NAME deploy/NAME ...' });
        }
        const entry = /^https?:\/\/./.test(given) ? { text: given, url: () => given } : await (async () => {
          const found = await findEntry(cluster, namespace, given);
          const { service, port, tls } = found.routes[0]!;
          return { text: `${found.text}${path}`, url: (domain: string) => `${tls === true ? 'https' : 'http'}://${service}.${namespace}.svc.${domain}:${port}${path}` };
        })();
        const link = await openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes') });
        const { reference } = await steps.run({ id: 'own-image', title: 'Image of the link\'s container', act: ({ signal, waiting }) => ensureImage('cargo', { docker, host, waiting, signal }) });
        const send = (probes: Probe[]): Promise<void> => steps.run({ id: 'probes', title: `Marked requests to ${entry.text}`, act: async () => {
          const lines: string[] = [];
          const request = ownContainer({ image: reference, namespace, base: 'check', entrypoint: 'curl', command: probeCommand(entry.url(link.domain), probes), interactive: false });
          await runOwn({ ...context, reporter: { emit: () => undefined } }, host, request, () => undefined, (stream, line) => { if (stream === 'stdout') lines.push(line); });
          readAnswers(lines, probes, Date.now());
        }, detail: () => String(probes.length) });
        const { probes, sights, refused } = await check({ host, cluster, steps: () => new Steps(reporter, () => host.now()), signal: steps.signal, link: () => link.another(), namespace, workloads, count, send });
        const verdict = judge(workloads.filter((workload) => !refused.has(workload)), probes, sights, await podAddresses(cluster, namespace), refused.size > 0);
        const failed = probes.filter(({ status }) => status === undefined);
        if (failed.length === probes.length) throw new BridgeError({ kind: 'environment', code: 'entry-silent', what: `${entry.text} did not answer`, why: 'nothing listens there, or its name is not known in the cluster', next: `bridge curl ${given}` });
        return { data: { entry: entry.text, statuses: probes.map(({ status }) => status ?? null), ...verdict, unwatched: [...refused].map(([workload, why]) => ({ workload, why })) }, text: verdictText(verdict, entry.text, refused), exitCode: verdict.hops.some(({ state }) => state === 'lost') ? exitCodes.environment : exitCodes.ok };
      });
    } finally {
      await steps.undo();
      cluster.close();
    }
  },
};
