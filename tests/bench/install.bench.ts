import { resources } from '../../cli/adapters/cluster/index.ts';
import { untilReady } from '../support/wait.ts';
import { deployment } from '../workloads/manifests.ts';
import type { Bench } from './measure/bench.ts';
import { atMost } from './measure/targets.ts';

const plain = 'a Deployment of one pod, until ready';
const install = 'bridge install';
const wall = 'wall time';

export const bench: Bench = {
  name: 'install',
  title: 'install (images on the nodes, until hub and controller are ready) and uninstall',
  metrics: [{ name: wall, unit: 's', better: 'lower' }],
  baseline: plain,
  targets: [atMost(install, wall, 3, 's')],
  async run({ rounds, workloads, product }, record) {
    const { kube, namespace, echoImage } = await workloads();
    const { bridge } = await product();
    await bridge('down');
    for (let round = 0; round < rounds; round++) {
      record('bridge uninstall', wall, (await bridge('uninstall', '--yes', '--keep-images')).elapsedMs / 1000);
      const before = performance.now();
      await kube.apply(deployment({ name: 'plain', namespace, image: echoImage }), { fieldManager: 'podbridge-test' });
      await untilReady(kube, [{ type: resources.Deployment, name: 'plain', namespace }]);
      record(plain, wall, (performance.now() - before) / 1000);
      await kube.delete(resources.Deployment, 'plain', { namespace });
      record(install, wall, (await bridge('install', '--yes')).elapsedMs / 1000);
      record('bridge install, when it is', wall, (await bridge('install', '--yes')).elapsedMs / 1000);
    }
    await bridge('up');
  },
};
