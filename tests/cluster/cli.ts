/** npm run cluster -- COMMAND: the cluster for tests and the demo, from the shell. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { clusterStatus, defaultName, ensureCluster, findCluster, kubectlFor, loadImages, maxNodes, removeCluster } from './index.ts';

const usage = `usage: npm run cluster -- COMMAND [--name NAME]

  up [--nodes N]     make the cluster (1 to ${maxNodes} nodes, 2 if not said), or heal it, or find it ready
  down               remove it: containers, network, volumes
  status             what there is
  kubeconfig         print its kubeconfig
  load IMAGE...      copy images from Docker into every node
  kubectl ARG...     kubectl, talking to it (name another with PODBRIDGE_TEST_CLUSTER)

  --name NAME        which cluster (PODBRIDGE_TEST_CLUSTER, or "${defaultName}"); several can exist side by side
`;

class UsageError extends Error {}

async function run(argv: string[]): Promise<number> {
  // All that follows is kubectl's.
  if (argv[0] === 'kubectl') return kubectl(argv.slice(1));
  const { values, positionals } = parseArgs({
    args: argv, allowPositionals: true,
    options: { name: { type: 'string', default: defaultName }, nodes: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  const [command, ...rest] = positionals;
  const { name } = values;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (command !== 'load' && rest.length > 0) throw new UsageError(`${command} takes no argument: ${rest.join(' ')}`);
  switch (command) {
    case 'up': {
      const cluster = await ensureCluster({ name, nodes: values.nodes === undefined ? undefined : Number(values.nodes) });
      process.stdout.write(`Cluster ${cluster.name} (${cluster.provider}) is ready: ${cluster.nodes.join(', ')}\nexport KUBECONFIG=${cluster.kubeconfigPath}\n`);
      return 0;
    }
    case 'down':
      await removeCluster({ name });
      return 0;
    case 'status': {
      const status = await clusterStatus(name);
      process.stdout.write(`${status.name} (${status.provider}): ${status.state}\n`);
      for (const node of status.nodes) process.stdout.write(`  ${node.name}  ${node.state}  ${node.address ?? ''}\n`);
      for (const note of status.notes) process.stdout.write(`  ${note}\n`);
      return status.state === 'ready' ? 0 : 3;
    }
    case 'kubeconfig':
      process.stdout.write(await readFile((await existing(name)).kubeconfigPath, 'utf8'));
      return 0;
    case 'load':
      if (rest.length === 0) throw new UsageError('load needs an image');
      await loadImages(await existing(name), rest);
      return 0;
    default:
      throw new UsageError(command === undefined ? 'no command' : `no such command: ${command}`);
  }
}

async function kubectl(argv: string[]): Promise<number> {
  const cluster = await existing(defaultName);
  const { exitCode } = await execa(await kubectlFor(cluster), argv, { stdio: 'inherit', reject: false, env: { KUBECONFIG: cluster.kubeconfigPath } });
  return exitCode ?? 1;
}

async function existing(name: string): Promise<Awaited<ReturnType<typeof ensureCluster>>> {
  const cluster = await findCluster(name);
  if (!cluster) throw new Error(`Cluster ${name} does not exist or does not run. Start it with: npm run cluster -- up${name === defaultName ? '' : ` --name ${name}`}`);
  return cluster;
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const wrongUse = error instanceof UsageError || error instanceof RangeError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`${(error as Error).message}\n${wrongUse ? `\n${usage}` : ''}`);
  process.exitCode = wrongUse ? 2 : 3;
}
