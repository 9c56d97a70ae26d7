/**
 * npm run demo: the main job on a real cluster, told step by step. Every line with a check mark was checked; the demo ends
 * with exit code 1 at the first that does not hold. `--keep` leaves bridge, shop and cluster side as they are;
 * `--keep-images` the images of podbridge on this machine, when another cluster uses them too.
 */
import { parseArgs } from 'node:util';
import { changedApiImage, buildChangedApi, buildShop, shopImages } from '../../examples/shop/build.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import { systemNamespace } from '../../protocol/names.ts';
import { loadImages } from '../cluster/index.ts';
import { bridge, startBridge } from '../support/bridge-command.ts';
import { clusterInventory, difference, dockerInventory } from '../support/inventory.ts';
import { ensureProber } from '../support/prober.ts';
import { untilServing } from '../support/serving.ts';
import { testCluster, type TestCluster } from '../support/test-cluster.ts';
import { ensureEchoImage } from '../workloads/echo-image.ts';
import { narrate } from './narration.ts';
import { ask, deployShop, describe, editionOf, removeShop, shopNamespace, shopState, untilAnswering } from './shop.ts';

const usage = `usage: npm run demo [-- OPTIONS]

  --keep           leave bridge, shop and cluster side as they are
  --keep-images    podbridge is in use on this machine besides: leave its images, and judge only what belongs to the demo's own link

  PODBRIDGE_TEST_CLUSTER=NAME npm run demo    with that test cluster (npm run cluster -- --help)
`;

const { keep, keepImages } = options();
const story = narrate(process.stdout);
const bridgeName = 'demo-api';
const uninstall = ['uninstall', '--yes', ...(keepImages ? ['--keep-images'] : [])];
const changedEdition = 'twenty percent off';

function options(): { keep: boolean; keepImages: boolean } {
  try {
    const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false }, 'keep-images': { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
    if (!values.help) return { keep: values.keep, keepImages: values['keep-images'] };
    process.stdout.write(usage);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

/** Removes what a demo that failed, or was kept, has left. */
async function cleanUp({ cluster, kube }: TestCluster): Promise<void> {
  for (const args of [['stop', bridgeName, '-n', shopNamespace], ['uninstall', '--yes', '--keep-images']]) {
    await bridge(args, { kubeconfig: cluster.kubeconfigPath, context: cluster.context });
  }
  await removeShop(kube);
}

async function demo({ cluster, kube }: TestCluster): Promise<void> {
  const run = async (...args: string[]): Promise<string> => {
    story.command(`bridge ${args.join(' ')}`);
    const running = startBridge(args, { kubeconfig: cluster.kubeconfigPath, context: cluster.context, limitMs: 240_000 });
    // Some take a minute on a new machine: what they tell is shown when they tell it.
    for await (const line of running.iterable({ from: 'all' })) story.output(line);
    const { exitCode, stdout } = await running;
    if (exitCode !== 0) throw new Error(`bridge ${args[0]} ended with exit code ${exitCode}`);
    return stdout;
  };

  const remains = await Promise.all([shopNamespace, systemNamespace].map((name) => kube.find(resources.Namespace, name)));
  if (remains.some((namespace) => namespace !== undefined)) await story.progress.step('remove what an earlier demo has left', () => cleanUp({ cluster, kube }));

  story.chapter('The shop', 'web -> api -> orders -> Redis, traced with OpenTelemetry, in a namespace that takes only "restricted" pods.');
  await story.progress.step('build its images (examples/shop)', buildShop);
  const echo = await ensureEchoImage(story.progress);
  await loadImages(cluster, [...shopImages, echo], story.progress);
  await story.progress.step('apply examples/shop/shop.yaml and wait until it is ready', () => deployShop(kube));
  const prober = await ensureProber(kube, shopNamespace, echo);
  // Ready pods are known to every node's Service rules a moment later.
  await story.progress.step('its Services answer', () => untilAnswering(prober, ['http://web/view', 'http://api/catalog']));
  story.command('curl http://web/view');
  const normal = await ask(prober, 'http://web/view');
  story.output(describe(normal));
  story.expect(normal.answeredBy.length === 3 && normal.answeredBy.every(({ edition }) => edition === 'regular'), 'the shop works: three services answered');
  const [shopBefore, clusterBefore, dockerBefore] = [await shopState(kube), await clusterInventory(kube), await dockerInventory()];

  story.chapter('Install the cluster side', 'Custom resources, one namespace, a hub and a controller. No workload of yours is touched.');
  await run('install', '--yes');

  story.chapter('Change api', 'A developer has an idea: twenty percent off (examples/shop/changed). It exists as an image on this machine only.');
  await story.progress.step(`build ${changedApiImage}`, buildChangedApi);

  story.chapter('Run it as if it were the pod', 'It gets the environment and DNS of deploy/api, and those requests to it that carry the mark "demo". Everybody else keeps the original.');
  await run('run', '-d', '--name', bridgeName, '--mark', 'demo', '--target', 'deploy/api', '-n', shopNamespace, '--image', changedApiImage);
  await story.progress.step('the container has started and listens (until then the originals get every request)', () => untilServing(kube, shopNamespace, bridgeName));

  story.chapter('Ask');
  story.command('curl http://api/catalog');
  const plain = await ask(prober, 'http://api/catalog');
  story.output(describe(plain));
  story.expect(editionOf(plain, 'api') === 'regular', 'a plain request is answered by the original', plain);

  story.command("curl http://api/catalog -H 'baggage: bridge=demo'");
  const marked = await ask(prober, 'http://api/catalog', 'bridge=demo');
  story.output(`${describe(marked)}\nx-bridge-served-by: ${marked.servedBy}`);
  story.expect(editionOf(marked, 'api') === changedEdition, 'a marked request is answered by the container on this machine', marked);
  story.expect(marked.products[0]?.cents === 2800, "it has the pod's environment: products from a ConfigMap, the key for orders from a Secret", marked);
  story.expect(editionOf(marked, 'orders') === 'regular', "it reaches the cluster's services by their names", marked);
  story.expect(marked.servedBy === `${shopNamespace}/${bridgeName}`, 'the answer says where it was made', marked.servedBy);

  story.command("curl http://web/view -H 'baggage: bridge=demo'");
  const through = await ask(prober, 'http://web/view', 'bridge=demo');
  story.output(describe(through));
  story.expect(editionOf(through, 'web') === 'regular' && editionOf(through, 'api') === changedEdition, 'a mark set at web reaches api: OpenTelemetry carried it, nobody changed web', through);

  const others = await prober.run('http', '--url', 'http://api/catalog', '--count', '100');
  const alternating = await prober.run('http', '--url', 'http://api/healthz', '--connections', '1', '--count', '100', '--alternate', 'baggage: bridge=demo');
  story.expect(others.failed === 0 && alternating.failed === 0 && alternating.connections === 1, 'a hundred plain requests, and a hundred on one connection of which every second was marked: none failed', { others, alternating });

  story.chapter('What is going on');
  const listed = await run('list');
  story.expect(listed.includes(bridgeName), 'the bridge is listed', listed);
  const { stdout: known } = await bridge(['list', '-o', 'json'], { kubeconfig: cluster.kubeconfigPath, context: cluster.context });
  const link = (JSON.parse(known) as { links: { link: string; current: boolean }[] }).links.find(({ current }) => current)?.link;
  story.expect(await shopState(kube) === shopBefore, "the shop's Deployments, Pods and Services are byte for byte what they were: nothing patched, nothing restarted");
  if (keep) {
    story.say(`\nKept. Look around with KUBECONFIG=${cluster.kubeconfigPath}; then: bridge stop --all, bridge uninstall --yes, kubectl delete namespace ${shopNamespace}`);
    return;
  }

  story.chapter('Stop');
  await run('stop', bridgeName, '-n', shopNamespace);
  const after = await ask(prober, 'http://web/view', 'bridge=demo');
  story.command("curl http://web/view -H 'baggage: bridge=demo'");
  story.output(describe(after));
  story.expect(editionOf(after, 'api') === 'regular', 'the same marked request is answered by the original again', after);

  story.chapter('Uninstall', 'And the proof that nothing is left.');
  await run(...uninstall);
  const left = difference(clusterBefore, await clusterInventory(kube));
  story.expect(left.length === 0, `the cluster has the same ${clusterBefore.length} objects as before, of all kinds`, left);
  const leftInDocker = difference(dockerBefore, await dockerInventory(keepImages ? link : undefined)).filter((line) => line.startsWith('+'));
  story.expect(leftInDocker.length === 0, `Docker has no container, network${keepImages ? ' or volume' : ', volume or image'} of podbridge more than before`, leftInDocker);
  story.expect(await shopState(kube) === shopBefore, 'the shop is byte for byte what it was');
}

const start = performance.now();
try {
  story.say('podbridge: a container on this machine becomes a pod of the cluster.');
  story.chapter('A Kubernetes cluster');
  const cluster = await testCluster(story.progress);
  story.say(`  ${cluster.cluster.name} (${cluster.cluster.provider}): ${cluster.cluster.nodes.join(', ')}, Kubernetes ${await cluster.kube.serverVersion()}`);
  try {
    await demo(cluster);
    if (!keep) await removeShop(cluster.kube);
  } catch (error) {
    if (!keep) await cleanUp(cluster);
    throw error;
  } finally {
    cluster.kube.close();
  }
  story.say(`\nDone: ${story.passed} things shown in ${((performance.now() - start) / 1000).toFixed(0)} s. The cluster goes on running: npm run cluster -- down removes it.`);
} catch (error) {
  story.say(`\nThe demo failed: ${(error as Error).message}`);
  process.exitCode = 1;
}
