import { execa } from 'execa';
import type { Bench } from './measure/bench.ts';
import { atMost } from './measure/targets.ts';

const plain = 'docker network create, docker run';
const up = 'bridge up';
const wall = 'wall time';

export const bench: Bench = {
  name: 'link-up',
  title: 'link up (until the first answer through the tunnel) and down',
  metrics: [{ name: wall, unit: 's', better: 'lower' }],
  baseline: plain,
  targets: [atMost(up, wall, 1.5, 's')],
  async run({ rounds, workloads, product }, record) {
    const { loadImage } = await workloads();
    const { bridge } = await product();
    await bridge('down');
    for (let round = 0; round < rounds; round++) {
      record(plain, wall, await plainContainer(loadImage));
      record(up, wall, (await bridge('up')).elapsedMs / 1000);
      record('bridge up, when it is', wall, (await bridge('up')).elapsedMs / 1000);
      record('bridge down', wall, (await bridge('down')).elapsedMs / 1000);
    }
    await bridge('up');
  },
};

/** Seconds. What Docker itself takes for a network and a container in it. */
async function plainContainer(image: string): Promise<number> {
  const name = 'podbridge-bench-plain';
  const before = performance.now();
  try {
    await execa('docker', ['network', 'create', name]);
    await execa('docker', ['run', '--detach', '--name', name, '--network', name, image]);
    return (performance.now() - before) / 1000;
  } finally {
    await execa('docker', ['rm', '--force', name], { reject: false });
    await execa('docker', ['network', 'rm', name], { reject: false });
  }
}
