/** What benches stand on, each part made when the first bench asks for it: images, a cluster with workloads, the installed product. */
import { ensureCluster, type Progress } from '../../cluster/index.ts';
import { ensureEchoImage } from '../../workloads/echo-image.ts';
import { ensureLoadImage } from './load-image.ts';
import { once } from './once.ts';
import { installProduct, type Product } from './product.ts';
import { setUpWorkloads, type Workloads } from './workloads.ts';

export interface EnvironmentOptions {
  rounds: number;
  /** Length of one measurement of throughput or latency. */
  seconds: number;
  clusterName: string;
  progress: Progress;
}

export interface Environment extends EnvironmentOptions {
  loadImage: () => Promise<string>;
  echoImage: () => Promise<string>;
  workloads: () => Promise<Workloads>;
  /** Installed, and its link up. */
  product: () => Promise<Product>;
  /** Ends what a bench that failed has left running. */
  settle: () => Promise<void>;
  /** In reverse order of making. What was there before stays. */
  remove: () => Promise<void>;
}

export function createEnvironment(options: EnvironmentOptions): Environment {
  const { progress } = options;
  const undo: (() => Promise<void>)[] = [];
  const loadImage = once(() => ensureLoadImage(progress));
  const echoImage = once(() => ensureEchoImage(progress));
  const workloads = once(async () => {
    const cluster = await ensureCluster({ name: options.clusterName, progress });
    const made = await setUpWorkloads({ cluster, progress, loadImage: await loadImage(), echoImage: await echoImage() });
    undo.push(() => made.remove());
    return made;
  });
  let installed: Product | undefined;
  const product = once(async () => {
    const made = await installProduct(await workloads(), progress);
    undo.push(() => made.remove());
    installed = made;
    return made;
  });
  return {
    ...options, loadImage, echoImage, workloads, product,
    async settle() {
      await installed?.bridge('stop', '--all');
    },
    async remove() {
      for (const step of undo.reverse()) await step();
      undo.length = 0;
    },
  };
}
