import { asTyped } from '../advice.ts';
import type { Command } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { clusterChoice, flag, text } from './choices.ts';

export const command: Command = {
  name: 'init',
  summary: 'Write a bridge.yaml for targets in the cluster',
  description: 'A service for each target, with its ports and comments on what can be changed. Without a target it asks which. Services are added to a bridge.yaml that is there.',
  arguments: [{ name: 'target', description: 'deploy, sts, ds, rs, pod, job, svc, or a kind with a scale, as KIND/NAME', variadic: true }],
  options: [
    { name: 'build', description: 'folder with a Dockerfile (default: this one, if it has one)', value: { placeholder: 'DIR' } },
    { name: 'container', description: 'which container of the target', value: { placeholder: 'NAME' } },
    { name: 'print', description: 'print the file instead of writing it' },
  ],
  takesProject: 'nothing',
  examples: [
    { command: 'bridge init deploy/api -n shop', explains: 'then: bridge run api' },
    { command: 'bridge init', explains: 'asks which workload of the namespace' },
  ],
  async run(context) {
    const { host, reporter } = context;
    const [{ connectCluster }, { initProject, workloadsOf }, { isInteractive }, { askChoice }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../init/init-project.ts'), import('../ui/terminal.ts'), import('../ui/ask-choice.ts'),
    ]);
    const cluster = await connectCluster(host, clusterChoice(context));
    try {
      const namespace = text(context, 'namespace') ?? cluster.context.namespace;
      let targets: string[] | undefined = context.args;
      if (targets.length === 0) {
        const there = await workloadsOf(cluster, namespace);
        const list = there.length === 0 ? `namespace ${namespace} has no workloads` : `there ${there.length === 1 ? 'is' : 'are'}: ${there.join(', ')}`;
        if (!isInteractive(host) || there.length === 0) throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no target was named', why: list, next: there.length === 0 ? 'bridge init -n NAMESPACE' : `bridge init ${there[0]!} -n ${namespace}` });
        targets = await askChoice(host, reporter, `Which of namespace ${namespace}?`, there);
        if (targets === undefined) throw new BridgeError({ kind: 'refused', code: 'declined', what: 'nothing was written', next: 'bridge init deploy/NAME' });
      }
      const [build, container] = [text(context, 'build'), text(context, 'container')];
      const made = await initProject({ cluster, host, namespace, targets, print: flag(context, 'print'), ...(build === undefined ? {} : { build }), ...(container === undefined ? {} : { container }) });
      if (made.text !== undefined) return { data: made, text: made.text };
      return { data: made, text: `${made.added ? 'added to' : 'wrote'} ${made.file}\n${asTyped(host.program, `now: bridge run ${made.services[0]!}`)}` };
    } finally {
      cluster.close();
    }
  },
};
