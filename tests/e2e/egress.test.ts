/** `--egress pod`: for others, and for the pod's own sidecars, the container's connections are the pod's. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { names, systemNamespace } from '../../protocol/names.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import type { Listed } from '../../cli/bridge/list.ts';
import { inPodNetwork, onNode, processesOf, runningPods, type PlacedPod } from '../support/nodes.ts';
import type { Report } from '../support/prober.ts';
import { until } from '../support/wait.ts';
import { deployment, echoContainer, echoPorts, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-egress';
const name = 'e2e-egress';
/** A container of the same link that goes out through the hub. */
const other = 'e2e-egress-hub';
const limitMs = 60_000;
const sidecar = { tcp: 5432, udp: 5433 } as const;
const lines = { name: 'TCP_PORT', value: String(echoPorts.tcp) };
let suite: Suite;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => {
    const web = { name: 'web', namespace, image };
    return [
      deployment({
        ...web, replicas: 2,
        pod: {
          containers: [
            echoContainer({ ...web, env: [] }),
            // Listens on the loopback only, as proxies to databases do.
            {
              name: 'side', image, imagePullPolicy: 'IfNotPresent',
              env: [{ name: 'WHO', value: 'side-{peer}' }, { name: 'BIND', value: '127.0.0.1' }, { name: 'HTTP_PORT', value: '' }, { name: 'TCP_PORT', value: String(sidecar.tcp) }, { name: 'UDP_PORT', value: String(sidecar.udp) }],
            },
          ],
        },
      }),
      service(web),
      // Answers with the address that it sees.
      deployment({ name: 'seer', namespace, image, env: [{ name: 'WHO', value: '{peer}' }, lines, { name: 'UDP_PORT', value: String(echoPorts.udp) }] }),
      service({ name: 'seer', namespace }),
    ];
  });
  await suite.run(name, 'local', ['--target', 'deploy/web', '--container', 'echo', '--port', 'http', '--egress', 'pod']);
  await suite.run(other, 'other', []);
}, setUpLimitMs);
afterAll(() => suite?.end());

async function inside(container: string, ...args: string[]): Promise<Report> {
  const { stdout } = await execa('docker', ['exec', container, '/echo', 'client', ...args]);
  return JSON.parse(stdout) as Report;
}

/** How a server in the cluster sees a new connection of the container. */
const seen = async (container: string, probe: 'tcp' | 'udp' = 'tcp', ...more: string[]): Promise<Record<string, number>> =>
  (await inside(container, probe, '--address', `seer:${echoPorts[probe]}`, ...more)).byWho;

async function egressPod(): Promise<string | null> {
  const { stdout } = await suite.bridge(['list', '-o', 'json']);
  return (JSON.parse(stdout) as Listed).bridges.find((bridge) => bridge.name === name)?.egress?.pod ?? null;
}

const webPods = (): Promise<PlacedPod[]> => runningPods(suite.kube, namespace, 'app=web');

async function currentPod(): Promise<PlacedPod> {
  return until('a pod of the target that the container goes out through', async () => {
    const [pods, chosen] = [await webPods(), await egressPod()];
    return pods.find(({ metadata }) => metadata.name === chosen);
  }, limitMs);
}

/** Waits until servers see the container as the pod that `bridge list` names, and returns that. */
async function leavesAsPod(): Promise<PlacedPod> {
  return until('connections from the address of the pod', async () => {
    const pod = await currentPod();
    return (await seen(name, 'tcp', '--timeout', '1s'))[pod.status.podIP ?? ''] === 1 ? pod : undefined;
  }, limitMs);
}

/** What is ours in a network namespace: tunnels, rules of the hub, tables. */
const traces = (pod: PlacedPod): Promise<string> => inPodNetwork(pod, "ip -o link show | grep -o 'pbe[0-9a-f]*' | sort -u; ip rule show priority 1200; ip route show table all | grep pbe; nft list tables | grep podbridge_ || true");
const systemPods = (): Promise<PlacedPod[]> => runningPods(suite.kube, systemNamespace);

describe('connections of the container', () => {
  test('come from the pod that bridge list names, by TCP and UDP; those of other containers from the hub', async () => {
    const address = (await currentPod()).status.podIP ?? '';
    const hub = (await systemPods()).find(({ metadata }) => metadata.name === names.hubPod)?.status.podIP ?? '';
    expect(await seen(name, 'tcp', '--count', '20')).toEqual({ [address]: 20 });
    expect(await seen(name, 'udp', '--new', '--count', '20')).toEqual({ [address]: 20 });
    expect(await seen(other, 'tcp', '--count', '5')).toEqual({ [hub]: 5 });
  });

  test('pass where only the pod may pass', async () => {
    const [seer] = await runningPods(suite.kube, namespace, 'app=seer');
    const { status: { podIP = '' } } = await currentPod();
    await inPodNetwork(seer!, `nft -f - <<END
table ip e2e_deny { chain in { type filter hook input priority filter; policy accept; ip saddr != ${podIP} tcp dport ${echoPorts.tcp} drop; }; }
END`);
    try {
      expect((await inside(other, 'tcp', '--address', `seer:${echoPorts.tcp}`, '--timeout', '2s')).failed).toBe(1);
      expect(await seen(name)).toEqual({ [podIP]: 1 });
    } finally {
      await inPodNetwork(seer!, 'nft delete table ip e2e_deny');
    }
  });

  test('carry much in both directions', async () => {
    const down = await inside(name, 'http', '--url', 'http://seer/download?bytes=20000000', '--timeout', '30s');
    const up = await inside(name, 'http', '--url', 'http://seer/', '--method', 'POST', '--body-bytes', '10000000', '--timeout', '30s');
    expect([down.failed, up.failed]).toEqual([0, 0]);
  });

  test('reach what listens on the pod\'s loopback only, as one that comes from there', async () => {
    expect((await inside(name, 'tcp', '--address', `pod-localhost:${sidecar.tcp}`, '--count', '5')).byWho).toEqual({ 'side-127.0.0.1': 5 });
    expect((await inside(name, 'udp', '--address', `pod-localhost:${sidecar.udp}`, '--count', '5')).byWho).toEqual({ 'side-127.0.0.1': 5 });
  });

  test('find the sidecars at 127.0.0.1 as in the pod, also after a restart', async () => {
    const found = async (): Promise<Report['byWho']> => (await inside(name, 'tcp', '--address', `127.0.0.1:${sidecar.tcp}`, '--count', '5')).byWho;
    expect(await found()).toEqual({ 'side-127.0.0.1': 5 });
    expect((await suite.bridge(['restart', name])).exitCode).toBe(0);
    expect(await until('the sidecar', async () => ((await found())['side-127.0.0.1'] === 5 ? true : undefined), limitMs)).toBe(true);
    // No right at all.
    const { stdout } = await execa('docker', ['ps', '--filter', 'label=podbridge.dev/role=loopback', '--filter', `label=podbridge.dev/bridge=${name}`, '--format', '{{.Names}}']);
    const { stdout: rights } = await execa('docker', ['inspect', '-f', '{{.Config.User}} {{.HostConfig.CapAdd}} {{.HostConfig.CapDrop}} {{.HostConfig.ReadonlyRootfs}}', stdout]);
    expect(rights).toBe('65534:65534 [] [ALL] true');
  });

  test('do not disturb what comes to it', async () => {
    const { byWho } = await suite.prober.run('http', '--url', `http://${await suite.addressOf('web')}`, '--count', '50');
    expect(byWho).toEqual({ local: 50 });
  });
});

describe('when something ends', () => {
  test('the pod: another one of the target takes over', async () => {
    const before = await currentPod();
    await suite.kube.delete(resources.Pod, before.metadata.name, { namespace });
    const after = await leavesAsPod();
    expect(after.metadata.name).not.toBe(before.metadata.name);
  });

  test('the agent, by kill -9: the next one opens the way anew and removes what the dead one left', async () => {
    const { spec: { nodeName } } = await currentPod();
    const agentOf = async (): Promise<PlacedPod> => (await systemPods()).find(({ metadata, spec }) => spec.nodeName === nodeName && metadata.labels?.['app.kubernetes.io/component'] === 'agent')!;
    const agent = await agentOf();
    const [, ...processes] = await processesOf(agent);
    await onNode(nodeName, `kill -9 ${processes.join(' ')}`);
    await until('the agent started anew', async () => {
      const status = (await agentOf())?.status.containerStatuses?.[0];
      return status?.ready === true && status.restartCount > (agent.status.containerStatuses?.[0]?.restartCount ?? 0) ? status : undefined;
    }, limitMs);
    const pod = await leavesAsPod();
    const left = (await Promise.all((await webPods()).map(traces))).join('\n').split('\n');
    expect(left.filter((line) => /^pbe/.test(line))).toHaveLength(1);
    await until('no table of the dead agent', async () => ((await traces(pod)).split('\n').filter((line) => /_out$/.test(line)).length === 1 ? true : undefined), limitMs);
  });

  test('the hub: its successor leads there again', async () => {
    const hubNow = async (): Promise<PlacedPod | undefined> => (await systemPods()).find(({ metadata }) => metadata.name === names.hubPod);
    const old = await hubNow();
    await suite.kube.delete(resources.Pod, names.hubPod, { namespace: systemNamespace });
    await until('another hub', async () => ((await hubNow())?.metadata.uid === old?.metadata.uid ? undefined : hubNow()), limitMs);
    await leavesAsPod();
  });

  test('the bridge: nothing is left in pods, hub and agents', async () => {
    const pods = await webPods();
    await suite.stop(name);
    await suite.stop(other);
    for (const pod of pods) expect(await until('an untouched pod', async () => ((await traces(pod)) === '' ? '' : undefined), limitMs)).toBe('');
    for (const pod of await systemPods()) expect((await traces(pod)).split('\n').filter((line) => /pbe|1200/.test(line))).toEqual([]);
  });
});
