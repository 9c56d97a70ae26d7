import type { Command, CommandContext, CommandResult } from '../command.ts';
import { BridgeError } from '../errors.ts';
import type { Delivery } from '../image/deliver.ts';
import { clusterChoice, flag, text } from './choices.ts';

function deliveryOf(context: CommandContext): Delivery {
  const [registry, prefix] = [text(context, 'registry'), text(context, 'imagePrefix')];
  if (registry !== undefined && prefix !== undefined) {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: '--registry and --image-prefix exclude each other', why: 'the one pushes the image, the other says that it is there already', next: 'bridge install --help' });
  }
  for (const [option, value] of [['--registry', registry], ['--image-prefix', prefix]] as const) {
    if (value !== undefined && !/^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)*\/?$/i.test(value)) {
      throw new BridgeError({ kind: 'usage', code: 'usage', what: `${option} ${value} is not a registry's host and path`, why: 'it is the beginning of an image reference: ghcr.io/acme', next: 'bridge install --help' });
    }
  }
  if (registry !== undefined) return { kind: 'push', prefix: registry };
  return prefix === undefined ? { kind: 'local' } : { kind: 'reference', prefix };
}

async function dryRun(delivery: Delivery): Promise<CommandResult> {
  const [{ manifests }, { stowawayReference }, { version }, { formatDocuments }] = await Promise.all([
    import('../install/manifests/index.ts'), import('../image/deliver.ts'), import('../version.ts'), import('../answer.ts'),
  ]);
  const documents = manifests({ version, stowawayImage: await stowawayReference(delivery) });
  return { data: { apiVersion: 'v1', kind: 'List', items: documents }, documents, text: await formatDocuments(documents) };
}

export const command: Command = {
  name: 'install',
  summary: 'Install or upgrade the cluster side',
  description: 'Applies namespace bridge-system, two custom resources, admission policies, roles, hub and controller. No workload of yours is touched. Safe to repeat.',
  examples: [
    { command: 'bridge install', explains: 'into the current context; with kind, k3d or minikube in Docker the image is copied into the nodes' },
    { command: 'bridge install --registry ghcr.io/acme', explains: 'builds the image and pushes it where the cluster can pull it' },
    { command: 'bridge install --dry-run -o yaml | kubectl apply -f -', explains: 'shows, or lets another tool apply, everything that would be installed' },
  ],
  options: [
    { name: 'registry', description: 'build the image and push it below this registry path', value: { placeholder: 'HOST/PATH' }, env: 'PODBRIDGE_REGISTRY' },
    { name: 'image-prefix', description: 'the image is at this registry path already', value: { placeholder: 'HOST/PATH' }, env: 'PODBRIDGE_IMAGE_PREFIX' },
    { name: 'dry-run', description: 'print the manifests instead of applying them' },
  ],
  async run(context) {
    const delivery = deliveryOf(context);
    if (flag(context, 'dryRun')) return dryRun(delivery);
    const [{ connectCluster }, { connectDocker }, { installHere }, { Steps }, { findInstalled }, { grantLines }, { ask }, { isInteractive }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../install/install-here.ts'), import('../steps/steps.ts'),
      import('../install/version.ts'), import('../grant-lines.ts'), import('../ui/ask.ts'), import('../ui/terminal.ts'),
    ]);
    const { host, reporter } = context;
    const cluster = await connectCluster(host, clusterChoice(context));
    try {
      if (!flag(context, 'yes') && isInteractive(host) && await findInstalled(cluster) === undefined
        && !(await ask(host, reporter, `Install podbridge into context ${cluster.context.name} (${cluster.context.server})?`))) {
        throw new BridgeError({ kind: 'refused', code: 'declined', what: 'nothing was installed', next: 'bridge install --context NAME' });
      }
      const steps = new Steps(reporter, () => host.now());
      const installation = await installHere({ cluster, docker: () => connectDocker(host), host, steps }, delivery);
      const { version, previous, agentsForbidden } = installation;
      if (agentsForbidden !== null) {
        reporter.emit({
          type: 'warning', code: 'agents-forbidden', at: host.now(),
          text: `this cluster forbids podbridge's agents (${agentsForbidden}). Links work (bridge up, bridge run without --target); workloads cannot be bridged`,
          next: 'exempt namespace bridge-system from that policy; what agents need and why: docs/security.md',
        });
      }
      const what = previous === null ? `podbridge ${version} is installed` : previous === version ? `podbridge ${version} is installed (it was before)` : `podbridge is upgraded from ${previous} to ${version}`;
      return {
        data: { ...installation, context: cluster.context.name },
        text: [`${what} in context ${cluster.context.name}.`, '', 'To let USER bridge workloads of NAMESPACE:', ...grantLines('USER', 'NAMESPACE').map((line) => `  ${line}`)].join('\n'),
      };
    } finally {
      cluster.close();
    }
  },
};
