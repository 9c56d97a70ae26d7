/** npm run picture: the pictures of the README, docs/run.svg and docs/status.svg, taken from the real program on the test cluster with the example shop. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changedApiImage, buildChangedApi, buildShop, shopImages } from '../../examples/shop/build.ts';
import { names, systemNamespace } from '../../protocol/names.ts';
import { loadImages } from '../cluster/index.ts';
import { deployShop, removeShop, shopNamespace } from '../demo/shop.ts';
import { bridge, bridgeOk, bridgeProgram } from '../support/bridge-command.ts';
import { ensureProber } from '../support/prober.ts';
import { openTerminal } from '../support/terminal.ts';
import { testCluster } from '../support/test-cluster.ts';
import { grant, makePerson } from '../support/user.ts';
import { until } from '../support/wait.ts';
import { ensureEchoImage } from '../workloads/echo-image.ts';
import { terminalSvg } from './terminal-svg.ts';

const size = { columns: 104, rows: 34 };
const settledMs = 12_000;
const docs = join(import.meta.dirname, '..', '..', 'docs');
const command = `bridge run --image ${changedApiImage} --target deploy/api --mark ann`;

const { cluster, kube } = await testCluster();
const folder = await mkdtemp(join(tmpdir(), 'podbridge-picture-'));
const admin = { kubeconfig: cluster.kubeconfigPath, context: cluster.context };
try {
  await buildShop();
  await buildChangedApi();
  const echo = await ensureEchoImage();
  await loadImages(cluster, [...shopImages, echo]);
  await Promise.all([deployShop(kube), bridgeOk(['install', '--yes'], admin)]);
  const ann = await makePerson(kube, cluster, shopNamespace, 'ann');
  for (const namespace of [shopNamespace, systemNamespace]) await grant(kube, ann, names.userRole, namespace);
  const start = join(folder, 'bashrc');
  await writeFile(start, `PS1='$ '\nunset HISTFILE\nbridge() { '${process.execPath}' '${bridgeProgram}' "$@"; }\n`);
  const open = () => openTerminal(['bash', '--noprofile', '--rcfile', start, '-i'], { ...size, env: { KUBECONFIG: ann.kubeconfigPath } });
  const [running, looking] = await Promise.all([open(), open()]);
  const prober = await ensureProber(kube, shopNamespace, echo);
  const people = [['--rate', '12'], ['--rate', '8', '--header', 'baggage: bridge=ann']];
  const probes = await Promise.all(people.map((args) => prober.start('http', '--url', 'http://api/catalog', '--duration', '5m', ...args)));
  try {
    await running.until('a prompt', (text) => text === '$');
    await running.keys('-l', '--', command);
    await running.keys('Enter');
    await running.until('the bridge', (text) => text.includes('listens on port'));
    await writeFile(join(docs, 'run.svg'), terminalSvg(await running.colored(), command));
    await looking.keys('-l', '--', 'bridge status');
    await looking.keys('Enter');
    const since = performance.now();
    // Its graph of the latency grows with time.
    await until('requests in both columns', async () => (/ [1-9]\S*\/s +[1-9]\S*\/s +0\/s +● Ready/.test((await looking.screen()).join('\n')) && performance.now() - since > settledMs ? true : undefined), 10 * settledMs);
    await writeFile(join(docs, 'status.svg'), terminalSvg(await looking.colored(), 'bridge status'));
    await looking.keys('q');
    await running.keys('C-c');
    await running.until('the end', (text) => text.endsWith('$'));
  } finally {
    await Promise.all([...probes.map((probe) => probe.stop()), running.close(), looking.close()]);
    await bridge(['down'], { kubeconfig: ann.kubeconfigPath });
    await ann.dispose();
  }
} finally {
  await removeShop(kube);
  kube.close();
  await rm(folder, { recursive: true });
}
