/**
 * How the cluster side grows. Fake laptops that speak the real protocol (WireGuard, heartbeats, TCP on hub ports) come in steps, with
 * bridges by rule and without; after each step every single bridge is asked whether its requests come to it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { resources } from '../../../cli/adapters/cluster/index.ts';
import { groupVersion, labels, systemNamespace } from '../../../protocol/names.ts';
import type { Bridge, Client } from '../../../protocol/objects.ts';
import { loadImages, progressOn } from '../../cluster/index.ts';
import { bridgeOk } from '../../support/bridge-command.ts';
import { applyAll, cleanNamespace, makeNamespace } from '../../support/namespace.ts';
import { ensureProber } from '../../support/prober.ts';
import { testCluster } from '../../support/test-cluster.ts';
import { ensureEchoImage } from '../../workloads/echo-image.ts';
import { deployment, service } from '../../workloads/manifests.ts';
import { startFleet, type Fleet } from './fleet.ts';
import { apiRequests, percentile, podUse, type PodUse } from './numbers.ts';

const namespace = 'podbridge-bench-scale';

export interface Size {
  clients: number;
  bridges: number;
  /** Each doubles; the last is everything. */
  steps: number;
  /** Of two pods each; the first bridge of each has no rule. */
  deployments: number;
  restS: number;
}

/** As many at a time as a busy morning has. */
const together = 8;
const limitMs = 300_000;
const pollMs = 100;
const asked = 4;

export interface Step {
  clients: number;
  bridges: number;
  clientReadyMs: { p50: number; p95: number };
  bridgeReadyMs: { p50: number; p95: number };
  /** Bridges whose requests did not all come to them, and requests without a mark that went astray. */
  wrong: string[];
  reloadMs: { p50: number; p95: number; count: number };
  use: Record<string, { megabytes: number; cpuPercentAtRest: number }>;
  apiPerSecondAtRest: { all: number; ours: number };
}

async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(Array.from({ length: together }, async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item);
  }));
}

/** @param told of each step, when it is done */
export async function measureScale(size: Size, told: (step: Step) => void): Promise<Step[]> {
  const progress = progressOn(process.stderr);
  const { cluster, kube } = await testCluster(progress);
  if (cluster.dockerNetwork === undefined) throw new Error('the fake laptops need a cluster in Docker');
  const network: string = cluster.dockerNetwork;
  const { username: owner } = await kube.whoAmI();
  const admin = { kubeconfig: cluster.kubeconfigPath, context: cluster.context, limitMs: 600_000 };
  const clientName = (index: number): string => `scale-${index}`;
  const isGlobal = (index: number): boolean => index < size.deployments;
  const targetOf = (index: number): string => `web-${index % size.deployments}`;
  const bridgeName = (index: number): string => `scale-${index}`;

  /** Makes them and waits until each is there and says so; ms for each. */
  async function addClients(fleet: Fleet, indexes: readonly number[]): Promise<number[]> {
    const { keys } = await fleet.order({ keys: [...indexes] });
    const took: number[] = [];
    await inTurns(indexes, async (index) => {
      const startedAt = performance.now();
      await kube.create<Client>({ apiVersion: groupVersion, kind: 'Client', metadata: { name: clientName(index), namespace: systemNamespace, labels: { 'podbridge-bench': 'scale' } }, spec: { owner, publicKey: keys[index]! } });
      const ready = await kube.until<Client>(resources.Client, clientName(index), (client) => client?.status?.address !== undefined && client.status.hub !== undefined, { namespace: systemNamespace, timeoutMs: limitMs });
      const { address, hub, cluster: facts } = ready!.status!;
      const endpoint = facts!.endpoints.find(({ kind }) => kind === 'node')!;
      await fleet.order({ link: [{ index, address: address!, hubKey: hub!.publicKey, hubAddress: hub!.address, endpoint: `${endpoint.host}:${endpoint.port}` }] });
      await kube.until<Client>(resources.Client, clientName(index), (client) => client?.status?.phase === 'Online', { namespace: systemNamespace, timeoutMs: limitMs });
      took.push(performance.now() - startedAt);
    });
    return took;
  }

  async function addBridges(fleet: Fleet, indexes: readonly number[], clients: number): Promise<number[]> {
    const took: number[] = [];
    await inTurns(indexes, async (index) => {
      const client = index % clients;
      const name = bridgeName(index);
      const startedAt = performance.now();
      await kube.create<Bridge>({
        apiVersion: groupVersion, kind: 'Bridge', metadata: { name, namespace, labels: { 'podbridge-bench': 'scale' } },
        spec: { owner, client: clientName(client), target: { kind: 'Deployment', name: targetOf(index), container: 'echo' }, ports: [{ port: 8080, protocol: 'TCP', local: 8080 }], ...(isGlobal(index) ? {} : { rules: [{ mark: name }] }) },
      });
      const assigned = await kube.until<Bridge>(resources.Bridge, name, (bridge) => bridge?.status?.ports !== undefined, { namespace, timeoutMs: limitMs });
      await fleet.order({ serve: [{ index: client, port: assigned!.status!.ports![0]!.hubPort, name }] });
      await kube.until<Bridge>(resources.Bridge, name, (bridge) => bridge?.status?.phase === 'Ready' && (bridge.status.pods ?? []).every(({ serving }) => serving === true), { namespace, timeoutMs: limitMs });
      took.push(performance.now() - startedAt);
    });
    return took;
  }

  const metrics = async (): Promise<string> => {
    const { server, headers, ca, ...rest } = await kube.credentials();
    const { request } = await import('node:https');
    return new Promise((resolve, reject) => {
      request(new URL('/metrics', server), { ...rest, ...(ca === undefined ? {} : { ca }), headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => { text += String(chunk); });
        response.on('end', () => resolve(text));
        response.on('error', reject);
      }).on('error', reject).end();
    });
  };

  /** How long new HAProxy processes took to listen, from the agents' logs. */
  async function reloads(sinceMs: number): Promise<number[]> {
    const { items } = await kube.list(resources.Pod, { namespace: systemNamespace, labelSelector: `${labels.component}=agent` });
    const logs = await Promise.all(items.map(({ metadata }) => kube.podLog(systemNamespace, metadata.name)));
    return logs.join('\n').split('\n').flatMap((line) => {
      if (!/"event":"haproxy".*"frontends"/.test(line)) return [];
      const { at, ms } = JSON.parse(line) as { at: string; ms: number };
      return Date.parse(at) >= sinceMs ? [ms] : [];
    });
  }

  async function atRest(): Promise<Pick<Step, 'use' | 'apiPerSecondAtRest'>> {
    // What the last change has set going may end.
    await sleep(5_000);
    const [before, requestsBefore] = [await podUse(kube, cluster.nodes), await apiRequests(metrics)];
    const startedAt = performance.now();
    await sleep(size.restS * 1000);
    const [after, requestsAfter] = [await podUse(kube, cluster.nodes), await apiRequests(metrics)];
    const seconds = (performance.now() - startedAt) / 1000;
    const use: Step['use'] = {};
    for (const { part, pod, megabytes, cpuSeconds } of after) {
      const earlier = before.find((each: PodUse) => each.pod === pod)?.cpuSeconds ?? cpuSeconds;
      const sum = use[part] ?? { megabytes: 0, cpuPercentAtRest: 0 };
      // Of agents the largest.
      use[part] = { megabytes: Math.max(sum.megabytes, megabytes), cpuPercentAtRest: Math.max(sum.cpuPercentAtRest, Math.round((cpuSeconds - earlier) / seconds * 1000) / 10) };
    }
    // Our own questions are two kubelets' and the metrics'.
    return { use, apiPerSecondAtRest: { all: Math.round((requestsAfter.all - requestsBefore.all) / seconds * 10) / 10, ours: Math.round((requestsAfter.ours - requestsBefore.ours) / seconds * 10) / 10 } };
  }

  /** Also what a run that was broken off has left. */
  async function removeOurs(): Promise<void> {
    const { items: bridges } = await kube.list<Bridge>(resources.Bridge, { labelSelector: 'podbridge-bench=scale' });
    await inTurns(bridges, async ({ metadata }) => { await kube.delete(resources.Bridge, metadata.name, { namespace: metadata.namespace! }); });
    const { items: clients } = await kube.list<Client>(resources.Client, { namespace: systemNamespace, labelSelector: 'podbridge-bench=scale' });
    await inTurns(clients, async ({ metadata }) => { await kube.delete(resources.Client, metadata.name, { namespace: systemNamespace }); });
    for (const deadline = performance.now() + limitMs; performance.now() < deadline; await sleep(pollMs)) if ((await kube.list(resources.Bridge, { labelSelector: 'podbridge-bench=scale' })).items.length === 0) return;
  }

  const echo = await ensureEchoImage(progress);
  await loadImages(cluster, [echo], progress);
  await progress.step('bridge install', () => bridgeOk(['install', '--yes', '--policy', 'none'], admin));
  await removeOurs();
  await makeNamespace(kube, namespace);
  const names = Array.from({ length: size.deployments }, (_, index) => `web-${index}`);
  await progress.step(`${size.deployments} deployments of two pods`, () => applyAll(kube, names.flatMap((name) => [deployment({ name, namespace, image: echo, replicas: 2, env: [] }), service({ name, namespace })])));
  const prober = await ensureProber(kube, namespace, echo);
  const fleet = await startFleet(echo, network, progress);
  const results: Step[] = [];
  try {
    let [clients, bridges] = [0, 0];
    for (let step = 1; step <= size.steps; step++) {
      // Each step doubles; the last is everything.
      const share = 2 ** (step - size.steps);
      const [toClients, toBridges] = [Math.round(size.clients * share), Math.round(size.bridges * share)];
      const stepStartedAt = Date.now();
      const clientMs = await progress.step(`${toClients} clients`, () => addClients(fleet, Array.from({ length: toClients - clients }, (_, index) => clients + index)));
      clients = toClients;
      const bridgeMs = await progress.step(`${toBridges} bridges`, () => addBridges(fleet, Array.from({ length: toBridges - bridges }, (_, index) => bridges + index), clients));
      bridges = toBridges;
      const wrong: string[] = [];
      await progress.step('every bridge asked', () => inTurns(Array.from({ length: bridges }, (_, index) => index), async (index) => {
        const mark = isGlobal(index) ? [] : ['--header', `baggage: bridge=${bridgeName(index)}`];
        const report = await prober.run('http', '--url', `http://${targetOf(index)}/`, '--count', String(asked), '--timeout', '30s', ...mark);
        if (report.failed > 0 || report.byWho[bridgeName(index)] !== asked) wrong.push(`${bridgeName(index)}: ${JSON.stringify(report.byWho)} ${report.firstError ?? ''}`);
      }));
      const took = await reloads(stepStartedAt);
      const round = (list: number[]) => ({ p50: Math.round(percentile(list, 0.5)), p95: Math.round(percentile(list, 0.95)) });
      const result: Step = { clients, bridges, clientReadyMs: round(clientMs), bridgeReadyMs: round(bridgeMs), wrong, reloadMs: { ...round(took), count: took.length }, ...await progress.step('at rest', atRest) };
      results.push(result);
      told(result);
    }
  } finally {
    await fleet.remove();
    await removeOurs();
    await cleanNamespace(kube, namespace);
    kube.close();
  }
  return results;
}
