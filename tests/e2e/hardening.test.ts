/**
 * What the parts may do, read from the live objects and processes; who can talk to which of their ports; what garbage does to
 * them; and where secrets are not. The bridged namespace enforces the strictest Pod Security Standard.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import { hubPortRange, ports } from '../../protocol/ports.ts';
import type { Bridge, Client } from '../../protocol/objects.ts';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import type { RunSummary } from '../../cli/bridge/summary.ts';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { clusterObjects } from '../support/inventory.ts';
import { inPodNetwork, listeningIn, onNode, processesOf, runningPods, type PlacedPod } from '../support/nodes.ts';
import type { Report } from '../support/prober.ts';
import { grant, makeUser, type User } from '../support/user.ts';
import { noise } from '../unit/agent/noise.ts';
import { deployment, enforceRestricted, restricted, secret, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-hardening';
const name = 'e2e-hardening';
const neighbourName = 'e2e-hardening-neighbour';
const password = 'planted-in-e2e-hardening-0123456789';
const documentation = join(import.meta.dirname, '..', '..', 'docs', 'security.md');
const mark = ['--header', 'baggage: bridge=hard'];
let suite: Suite;
let neighbour: User;
let before: string;
/** Command lines of all processes of this machine (the nodes' among them) while bridges were made. */
const commandLines = new Set<string>();
let address: string;
let links: { mine: Client; neighbours: Client };
let containers: { mine: string; neighbours: string };

const as = ({ kubeconfigPath, context }: User) => ({ kubeconfig: kubeconfigPath, context });
const docker = async (...args: string[]): Promise<string> => (await execa('docker', args, { maxBuffer: 64 * 1024 * 1024 })).stdout;
const bridgeNow = (): Promise<Bridge> => suite.kube.get<Bridge>(resources.Bridge, name, namespace);
const ourPods = (): Promise<PlacedPod[]> => runningPods(suite.kube, systemNamespace);
const componentOf = ({ metadata }: KubeObject): string => metadata.labels?.[labels.component] ?? '';
const cargoOf = async (link: string): Promise<string> => docker('ps', '--quiet', '--filter', `label=${labels.link}=${link}`, '--filter', `label=${labels.role}=cargo`);

async function watchCommandLines(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
    for (const pid of pids) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (line !== '') commandLines.add(line.replaceAll('\0', ' '));
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Exchanges from inside a container of the echo image. */
async function from(container: string, ...args: string[]): Promise<Report> {
  return JSON.parse(await docker('exec', container, '/echo', 'client', ...args)) as Report;
}

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [
    secret('keys', namespace, { PASSWORD: password }),
    deployment({ name: 'web', namespace, image, replicas: 2, envFrom: [{ secretRef: { name: 'keys' } }], ...restricted }), service({ name: 'web', namespace }),
  ], enforceRestricted);
  address = await suite.addressOf('web');
  before = await suite.state();
  neighbour = await makeUser(suite.kube, suite.cluster, namespace, 'neighbour');
  await grant(suite.kube, neighbour, names.userRole, systemNamespace);
  const watching = new AbortController();
  const watched = watchCommandLines(watching.signal);
  const [mine, neighbours] = await Promise.all([
    suite.run(name, 'container', ['--target', 'deploy/web', '--port', 'http', '--mark', 'hard']),
    bridgeOk(['run', '-d', '-o', 'json', '--image', suite.image, '--name', neighbourName, '-n', namespace], as(neighbour)).then(({ stdout }) => JSON.parse(stdout) as RunSummary),
    bridgeOk(['env', 'deploy/web', '-n', namespace], suite.user),
  ]);
  watching.abort();
  await watched;
  const client = (link: string): Promise<Client> => suite.kube.get<Client>(resources.Client, link, systemNamespace);
  links = { mine: await client(mine.link.client), neighbours: await client(neighbours.link.client) };
  containers = { mine: name, neighbours: neighbourName };
}, setUpLimitMs);

afterAll(async () => {
  if (neighbour !== undefined) {
    await bridge(['down'], as(neighbour));
    await neighbour.dispose();
  }
  await suite?.end();
});

test('a namespace that enforces the restricted standard is bridged, and nothing in it is changed', async () => {
  const report = await suite.prober.run('http', '--url', `http://${address}/`, '--count', '50', ...mark);
  expect(report.byWho).toEqual({ container: 50 });
  expect(await suite.state()).toBe(before);
});

describe('the pods of podbridge', () => {
  interface HardPod extends PlacedPod {
    spec: PlacedPod['spec'] & {
      hostIPC?: boolean; hostNetwork?: boolean; hostPID?: boolean; volumes?: Record<string, unknown>[]; securityContext?: { seccompProfile?: { type: string } };
      containers: { name: string; resources?: { requests?: Record<string, string>; limits?: Record<string, string> }; securityContext?: { capabilities?: { add?: string[]; drop?: string[] } } & Record<string, unknown> }[];
    };
  }

  test('have a read-only root, RuntimeDefault, requests and limits, and nothing of the node but, for agents, its processes', async () => {
    const pods = await ourPods() as HardPod[];
    expect(new Set(pods.map(componentOf))).toEqual(new Set(['agent', 'controller', 'hub']));
    const documented = await readFile(documentation, 'utf8');
    for (const pod of pods) {
      const { spec, metadata } = pod;
      expect([metadata.name, spec.hostPID ?? false, spec.hostNetwork ?? false, spec.hostIPC ?? false]).toEqual([metadata.name, componentOf(pod) === 'agent', false, false]);
      expect(spec.securityContext?.seccompProfile).toEqual({ type: 'RuntimeDefault' });
      expect((spec.volumes ?? []).filter((volume) => 'hostPath' in volume)).toEqual([]);
      for (const { securityContext, resources: share } of spec.containers) {
        expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
        expect(securityContext?.['privileged'] ?? false).toBe(false);
        expect(Object.keys(share?.requests ?? {}).sort()).toEqual(['cpu', 'memory']);
        expect(share?.limits?.['memory']).toBeDefined();
        for (const capability of securityContext?.capabilities?.add ?? []) expect(documented).toContain(`\`${capability}\``);
      }
    }
  });

  test('have processes with exactly those capabilities, none to gain, and a seccomp filter', async () => {
    const bits: Record<string, bigint> = { CHOWN: 0n, DAC_OVERRIDE: 1n, DAC_READ_SEARCH: 2n, FOWNER: 3n, KILL: 5n, SETGID: 6n, SETUID: 7n, NET_BIND_SERVICE: 10n, NET_ADMIN: 12n, NET_RAW: 13n, SYS_CHROOT: 18n, SYS_PTRACE: 19n, SYS_ADMIN: 21n, MKNOD: 27n };
    for (const pod of await ourPods() as HardPod[]) {
      const allowed = (pod.spec.containers[0]?.securityContext?.capabilities?.add ?? []).reduce((mask, capability) => mask | 1n << bits[capability]!, 0n);
      // The first is the sandbox, which is the runtime's.
      const [, ...pids] = await processesOf(pod);
      const statuses = await onNode(pod.spec.nodeName, 'for pid; do grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/$pid/status | tr "\\n\\t" "  "; echo; done', ...pids.map(String));
      const lines = statuses.split('\n').filter((line) => line.includes('CapEff'));
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        const [, effective, bounding, noNew, seccomp] = /CapEff: (\w+) +CapBnd: (\w+) +NoNewPrivs: (\d) +Seccomp: (\d)/.exec(line) ?? [];
        expect([pod.metadata.name, BigInt(`0x${effective}`) & ~allowed, BigInt(`0x${bounding}`) & ~allowed, noNew, seccomp]).toEqual([pod.metadata.name, 0n, 0n, '1', '2']);
      }
    }
  });
});

describe('the containers on the laptop', () => {
  interface Inspected { Name: string; HostConfig: { Privileged: boolean; CapAdd: string[] | null; CapDrop: string[] | null; Binds: string[] | null; PidMode: string; NetworkMode: string; IpcMode: string; PidsLimit: number | null; Memory: number }; Mounts: { Source: string }[]; Config: { Labels: Record<string, string> } }

  test('are not privileged, do not see Docker, and have no capability that is not documented', async () => {
    const ids = (await docker('ps', '--quiet', '--filter', `label=${labels.link}=${links.mine.metadata.name}`)).split('\n');
    const found = JSON.parse(await docker('inspect', ...ids)) as Inspected[];
    expect(found.length).toBeGreaterThanOrEqual(2);
    const documented = await readFile(documentation, 'utf8');
    for (const { Name, HostConfig, Mounts, Config } of found) {
      expect([Name, HostConfig.Privileged, HostConfig.PidMode, HostConfig.NetworkMode === 'host', HostConfig.IpcMode === 'host']).toEqual([Name, false, '', false, false]);
      expect(JSON.stringify([Mounts, HostConfig.Binds])).not.toContain('docker.sock');
      if (Config.Labels[labels.role] === 'app') expect(HostConfig.CapAdd ?? []).toEqual([]);
      else {
        expect(HostConfig.CapDrop).toEqual(['ALL']);
        for (const capability of HostConfig.CapAdd ?? []) expect(documented).toContain(`\`${capability.replace(/^CAP_/, '')}\``);
        expect(HostConfig.PidsLimit).toBeGreaterThan(0);
        expect(HostConfig.Memory).toBeGreaterThan(0);
      }
    }
  });
});

describe('who may talk to whom', () => {
  const silent = (report: Report): boolean => Object.keys(report.byWho).length === 0 && report.failed === report.total;
  const ask = (host: string, port: number): string[] => ['http', '--url', `http://${host}:${port}/healthz`, '--count', '1', '--timeout', '2s'];
  let hub: PlacedPod;
  let hubPort: number;
  beforeAll(async () => {
    [hub] = await runningPods(suite.kube, systemNamespace, `${labels.component}=hub`) as [PlacedPod];
    hubPort = (await bridgeNow()).status!.ports![0]!.hubPort;
  });

  test('a neighbour reaches the cluster, but neither the other client, its containers, the hub itself, nor the health of agents', async () => {
    expect(silent(await from(containers.neighbours, 'http', '--url', `http://${address}/`, '--count', '1'))).toBe(false);
    const containerAddress = await docker('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}', containers.mine);
    const { status: { address: mine, hub: facts } } = links.mine as Required<Client>;
    const agents = [...new Set((await bridgeNow()).status!.pods!.map(({ agent }) => agent.slice(0, agent.lastIndexOf(':'))))];
    expect(agents.length).toBeGreaterThan(0);
    const targets: [string | undefined, number][] = [
      ...agents.map((agent): [string, number] => [agent, ports.health]),
      [mine, hubPort], [mine, 8080], ...containerAddress.trim().split(' ').map((each): [string, number] => [each, 8080]),
      [facts?.address, hubPort], [facts?.address, ports.health], [hub.status.podIP, hubPort], [hub.status.podIP, ports.health],
    ];
    for (const [host, port] of targets) expect([host, port, silent(await from(containers.neighbours, ...ask(host ?? '', port)))]).toEqual([host, port, true]);
  });

  test('a pod of the cluster gets no answer at the hub\'s ports', async () => {
    const report = await suite.prober.run(...ask(hub.status.podIP ?? '', hubPort));
    expect([silent(report), report.errors]).toEqual([true, { refused: 1 }]);
    const { status: { address: mine } } = links.mine as Required<Client>;
    expect(silent(await suite.prober.run(...ask(mine ?? '', hubPort)))).toBe(true);
  });

  test('HAProxy\'s listeners in a pod answer only what the rule hands to them', async () => {
    const [pod] = await runningPods(suite.kube, namespace, 'app=web') as [PlacedPod];
    const own = new Set(pod.spec.containers.flatMap(({ ports: declared }) => declared ?? []).map(({ containerPort }) => containerPort));
    const listeners = (await listeningIn(pod)).filter(({ port }) => !own.has(port));
    expect(listeners.length).toBeGreaterThan(0);
    for (const { port } of listeners) {
      expect([port, (await suite.prober.run(...ask(pod.status.podIP ?? '', port))).errors]).toEqual([port, { refused: 1 }]);
      // Nor for the pod itself.
      const inside = await inPodNetwork(pod, `for host in 127.0.0.1 ${pod.status.podIP}; do (exec 3<>/dev/tcp/$host/${port}) 2>/dev/null && echo open || echo closed; done`);
      expect(inside.split('\n')).toEqual(['closed', 'closed']);
    }
  });

  test('every listening port of the cluster side is one that the parts agree on', async () => {
    const agreed = new Set<number>(Object.values(ports));
    for (const pod of await ourPods()) {
      const strange = (await listeningIn(pod)).filter(({ address: at, port }) => !agreed.has(port) && !(port >= hubPortRange.first && port <= hubPortRange.last) && !/^(127\.|\[::1\])/.test(at));
      expect([pod.metadata.name, strange]).toEqual([pod.metadata.name, []]);
    }
  });
});

describe('garbage', () => {
  /** Deterministic: the same in every run. */
  function payloads(): Buffer[] {
    const random = noise(5);
    const bytes = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256)));
    return [
      bytes(60), bytes(1400), Buffer.alloc(100_000, 'a'), Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n'), Buffer.from(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`),
      Buffer.from(`GET /v1/bridges/${encodeURIComponent('../../etc')}/%00/identity HTTP/1.1\r\n\r\n`), Buffer.concat([Buffer.from('160301', 'hex'), bytes(200)]),
      Buffer.from(`${'{"id":1,"method":"'.repeat(500)}\n`), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0'), Buffer.from('POST /healthz HTTP/1.1\r\ncontent-length: 99999999\r\n\r\nx'),
    ];
  }
  const lines = (): string => payloads().map((payload) => payload.toString('base64')).join('\n');
  /** Sends each line of stdin, decoded, to each address. */
  const send = (targets: string[]): string => `while read -r line; do for target in ${targets.map((target) => `'${target}'`).join(' ')}; do echo "$line" | base64 -d | timeout 3 socat -t0.1 - "$target" >/dev/null 2>&1; done; done <<'LINES'\n${lines()}\nLINES\n`;
  interface Health { restarts: number; ready: boolean; files: number; megabytes: number }
  const health = async (): Promise<Record<string, Health>> => Object.fromEntries(await Promise.all((await ourPods()).map(async (pod): Promise<[string, Health]> => {
    const [, main] = await processesOf(pod);
    const [files = '0', kilobytes = '0'] = (await onNode(pod.spec.nodeName, 'ls /proc/$1/fd | wc -l; grep VmRSS /proc/$1/status | tr -dc 0-9', String(main))).split('\n');
    const [state] = pod.status.containerStatuses ?? [];
    return [pod.metadata.name, { restarts: state?.restartCount ?? -1, ready: state?.ready ?? false, files: Number(files), megabytes: Number(kilobytes) / 1024 }];
  })));
  const growth = { files: 25, megabytes: 60 };

  test('on every port of hub, agents and controller neither ends nor fills them', async () => {
    const first = await health();
    const pods = await ourPods();
    await Promise.all(pods.map(async (pod) => {
      const open = (await listeningIn(pod)).filter(({ address: at }) => !/^(127\.|\[::1\])/.test(at));
      const targets = [...open.map(({ port }) => `TCP:${pod.status.podIP}:${port},connect-timeout=2`), ...(componentOf(pod) === 'hub' ? [`UDP:${pod.status.podIP}:${ports.wireguard}`] : [])];
      await onNode(pod.spec.nodeName, send(targets));
    }));
    const last = await health();
    for (const [pod, { restarts, files, megabytes }] of Object.entries(first)) {
      expect([pod, last[pod]?.restarts, last[pod]?.ready]).toEqual([pod, restarts, true]);
      expect(last[pod]!.files).toBeLessThan(files + growth.files);
      expect(last[pod]!.megabytes).toBeLessThan(megabytes + growth.megabytes);
    }
  });

  test('in the tunnel, at cargo\'s DNS and at its control socket does not end cargo or hub', async () => {
    const cargo = await cargoOf(links.mine.metadata.name);
    const { status: { hub: facts } } = links.mine as Required<Client>;
    const started = await docker('inspect', '--format', '{{.State.StartedAt}} {{.RestartCount}}', cargo);
    // The containers' DNS server is cargo.
    const [gateway = ''] = JSON.parse(await docker('inspect', '--format', '{{json .HostConfig.Dns}}', containers.mine)) as string[];
    expect(gateway).not.toBe('');
    const targets = [`UDP:${facts?.address}:${ports.heartbeat}`, `UDP:${gateway}:53`, `TCP:${gateway}:53,connect-timeout=2`, 'UNIX-CONNECT:/run/podbridge/control.sock'];
    await execa('docker', ['exec', '-i', cargo, 'bash', '-s'], { input: send(targets) });
    expect(await docker('inspect', '--format', '{{.State.StartedAt}} {{.RestartCount}}', cargo)).toBe(started);
    expect((await suite.bridge(['list', '-o', 'json'])).exitCode).toBe(0);
  });

  test('leaves the bridge as it was', async () => {
    const report = await suite.prober.run('http', '--url', `http://${address}/`, '--count', '100', ...mark);
    expect({ failed: report.failed, byWho: report.byWho }).toEqual({ failed: 0, byWho: { container: 100 } });
  });
});

describe('secrets', () => {
  /** What must be found nowhere, by what it is. */
  const secrets: Record<string, string> = { 'a value of the pod\'s environment': password };
  /** All forms in which it could stand somewhere. */
  const forms = (value: string): string[] => [value, Buffer.from(value).toString('base64').replace(/=+$/, '').slice(0, -2), encodeURIComponent(value)];
  const found = (text: string): string[] => Object.entries(secrets).filter(([, value]) => forms(value).some((form) => text.includes(form))).map(([what]) => what);

  beforeAll(async () => {
    secrets['the private key of cargo'] = (await docker('exec', await cargoOf(links.mine.metadata.name), 'cat', '/var/lib/podbridge/private-key')).trim();
    const key = await suite.kube.get<KubeObject & { data: Record<string, string> }>(resources.Secret, names.hubKeySecret, systemNamespace);
    secrets['the private key of the hub'] = Buffer.from(key.data[names.hubKeySecretField] ?? '', 'base64').toString().trim();
    for (const pod of await ourPods()) {
      const [, main] = await processesOf(pod);
      secrets[`the token of ${pod.metadata.name}`] = await onNode(pod.spec.nodeName, 'cat /proc/$1/root/run/secrets/kubernetes.io/serviceaccount/token', String(main));
    }
    secrets['the user\'s token'] = /token: (\S+)/.exec(await readFile(suite.user.kubeconfig, 'utf8'))?.[1] ?? '';
    for (const [what, value] of Object.entries(secrets)) expect([what, value.length > 30]).toEqual([what, true]);
  });

  test('stand in no command line of any process, while bridges are made and after', () => {
    expect(commandLines.size).toBeGreaterThan(10);
    expect([...commandLines].flatMap((line) => found(line).map((what) => `${what}: ${line.slice(0, 80)}`))).toEqual([]);
  });

  test('stand in no environment of podbridge\'s own processes', async () => {
    for (const pod of await ourPods()) {
      const [, ...pids] = await processesOf(pod);
      expect([pod.metadata.name, found(await onNode(pod.spec.nodeName, 'for pid; do cat /proc/$pid/environ 2>/dev/null | tr "\\0" "\\n"; done; true', ...pids.map(String)))]).toEqual([pod.metadata.name, []]);
    }
    const cargo = await cargoOf(links.mine.metadata.name);
    expect(found(await docker('exec', cargo, 'bash', '-c', 'cat /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n"'))).toEqual([]);
  });

  test('stand in no log', async () => {
    for (const pod of await ourPods()) expect([pod.metadata.name, found(await suite.kube.podLog(systemNamespace, pod.metadata.name))]).toEqual([pod.metadata.name, []]);
    const { all = '' } = await execa('docker', ['logs', await cargoOf(links.mine.metadata.name)], { all: true });
    expect(all).toContain('configured');
    expect(found(all)).toEqual([]);
  });

  test('stand in no object of the cluster but the Secrets that hold them, and in no event', async () => {
    const holders = new Set([`v1 secrets ${namespace}/keys`, `v1 secrets ${systemNamespace}/${names.hubKeySecret}`]);
    const objects = await clusterObjects(suite.kube, new Set(['componentstatuses']));
    expect([...objects.keys()].filter((each) => each.includes(' events ')).length).toBeGreaterThan(0);
    expect([...objects].filter(([each]) => !holders.has(each)).flatMap(([each, object]) => found(JSON.stringify(object)).map((what) => `${what} in ${each}`))).toEqual([]);
  });

  test('stand in nothing that Docker shows, but in the environment of the user\'s own container', async () => {
    const ids = async (kind: string[], filter: string): Promise<string[]> => (await docker(...kind, '--quiet', '--filter', `label=${filter}`)).split('\n').filter(Boolean);
    const mine = `${labels.link}=${links.mine.metadata.name}`;
    const inspected = JSON.parse(await docker('inspect', ...await ids(['ps', '--all'], mine), ...await ids(['network', 'ls'], mine))) as { Config?: { Env?: string[]; Labels: Record<string, string> } }[];
    const apps = inspected.filter(({ Config }) => Config?.Labels[labels.role] === 'app');
    expect(apps.map(({ Config }) => Config?.Env?.includes(`PASSWORD=${password}`))).toEqual([true]);
    for (const { Config } of apps) Config!.Env = [];
    expect(found(JSON.stringify(inspected))).toEqual([]);
    expect(found(await docker('images', '--no-trunc', '--filter', `label=${labels.managedBy}=${managedBy}`))).toEqual([]);
  });
});
