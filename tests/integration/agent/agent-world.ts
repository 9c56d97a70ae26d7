/** A "pod" with the original, a local container, and an agent between them: containers of the stowaway image on one Docker network. */
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { build } from 'esbuild';
import { execa } from 'execa';
import type { Bridge, BridgePod, BridgePort, Client } from '../../../protocol/objects.ts';
import type { Rule } from '../../../protocol/rule.ts';
import { netnsPrefix } from '../../../stowaway-image/src/agent/pod-networks.ts';
import { returnPriority } from '../../../stowaway-image/src/agent/netns/tables.ts';
import type { NodePod, Probe } from '../../../stowaway-image/src/agent/pods/node-pod.ts';
import { managedBy, labels } from '../../../protocol/names.ts';
import { until } from '../../support/wait.ts';
import { controlPort, type AgentObjects } from './agent-objects.ts';

/** Ports of the original, and of the local container at the hub ports that stand for them (the hub's path is not part of this world). */
export const originalPorts = { http: 8080, h2c: 8081, tcp: 9000, banner: 2525 } as const;
const hubPorts: Record<number, number> = { 8080: 20_001, 8081: 20_002, 9000: 20_003, 2525: 20_004, 9999: 20_009 };
const servers = (numbers: (port: number) => number): string[] => Object.entries(originalPorts).map(([kind, port]) => `${numbers(port)}=${kind}`);

export interface BridgeWish {
  name?: string;
  ports?: number[];
  rules?: Rule[];
  draining?: boolean;
  probes?: Probe[];
}

export class AgentWorld {
  readonly #id = `agent-${Math.floor(Math.random() * 0xffffff).toString(16).padStart(6, '0')}`;
  readonly #image: string;
  readonly addresses: Record<string, string> = {};
  #podId = '';
  #program = '';

  private constructor(image: string) {
    this.#image = image;
  }

  static async create(image: string): Promise<AgentWorld> {
    const world = new AgentWorld(image);
    await execa('docker', ['network', 'create', '--label', `${labels.link}=${world.#id}`, world.#id]);
    const { outputFiles } = await build({ entryPoints: [join(import.meta.dirname, 'agent-program.ts')], bundle: true, platform: 'node', format: 'cjs', target: 'node24', write: false, logLevel: 'warning' });
    world.#program = outputFiles[0]?.text ?? '';
    world.#podId = await world.#start('pod', [], ['node', '/server-program.cjs', 'original', ...servers((port) => port)]);
    await world.startLocal();
    await world.startAgent();
    return world;
  }

  async startLocal(): Promise<void> {
    await this.#start('local', [], ['node', '/server-program.cjs', 'local', ...servers((port) => hubPorts[port] ?? 0)]);
  }

  async startAgent(): Promise<void> {
    const capabilities = ['SYS_ADMIN', 'SYS_PTRACE', 'NET_ADMIN'].flatMap((name) => ['--cap-add', name]);
    await this.#start('agent', ['--pid', 'host', '--cap-drop', 'ALL', ...capabilities, '--security-opt', 'apparmor=unconfined'], ['tini', '-s', '--', 'node', '/agent-program.cjs']);
    await until('the agent answers', async () => await fetch(this.#control).then(() => true, () => undefined), 20_000);
  }

  /** The agent's container dies as by the kernel's hand: nothing is tidied. */
  async killAgent(): Promise<void> {
    await execa('docker', ['kill', '--signal', 'KILL', this.#name('agent')]);
    await execa('docker', ['rm', '--force', this.#name('agent')]);
  }

  async stopAgent(): Promise<void> {
    await execa('docker', ['stop', '--time', '10', this.#name('agent')]);
    await execa('docker', ['rm', '--force', this.#name('agent')]);
  }

  async killHaproxy(signal: 'KILL' | 'STOP' = 'KILL'): Promise<void> {
    const { stdout } = await execa('docker', ['top', this.#name('agent'), '-eo', 'pid,comm']);
    const pids = stdout.split('\n').flatMap((line) => /^\s*(\d+)\s+haproxy$/.exec(line)?.[1] ?? []);
    if (pids.length !== 1) throw new Error(`one HAProxy expected:\n${stdout}`);
    // The shell's own: the image has no program of that name.
    const said = await this.inAgent(['sh', '-c', 'kill -s "$0" "$@"', signal, ...pids]);
    if (said !== '') throw new Error(said);
  }

  async killLocal(): Promise<void> {
    await execa('docker', ['rm', '--force', this.#name('local')]);
  }

  /** Exactly these bridges from now on. */
  async bridges(...wishes: BridgeWish[]): Promise<void> {
    await this.#show(wishes, false);
  }

  /** The same, and the pod has been told to end. */
  async leaving(...wishes: BridgeWish[]): Promise<void> {
    await this.#show(wishes, true);
  }

  async #show(wishes: BridgeWish[], leaving: boolean): Promise<void> {
    const pod: NodePod = {
      metadata: { name: 'pod', namespace: 'shop', uid: this.#podId, labels: {} }, node: 'node', serviceAccount: 'default', hostNetwork: false, completed: false, leaving, lingers: false, addresses: [], hostAliases: [],
      containers: [{ name: 'main', image: 'x', ready: true, execProbe: false, limits: {}, ports: Object.values(originalPorts), mounts: [], probes: wishes.flatMap(({ probes = [] }) => probes) }],
    };
    const client: Client = { apiVersion: '', kind: 'Client', metadata: { name: 'ann-1' }, spec: { owner: 'ann', publicKey: 'x' } };
    const objects: AgentObjects = { bridges: wishes.map((wish, index) => this.#bridge(wish, index)), clients: [client], pods: [pod] };
    await fetch(this.#control, { method: 'POST', body: JSON.stringify(objects) });
  }

  async entry(name = 'bridge'): Promise<BridgePod | undefined> {
    const statuses = await (await fetch(this.#control)).json() as Record<string, BridgePod[]>;
    return statuses[name]?.[0];
  }

  async untilServing(name = 'bridge'): Promise<void> {
    await until(`bridge ${name} serves`, async () => {
      const entry = await this.entry(name);
      return entry?.ready === true && entry.serving === true ? true : undefined;
    }, 10_000);
  }

  /** Runs a tool in the agent's container. */
  async inAgent(argv: string[], input = ''): Promise<string> {
    return (await execa('docker', ['exec', '-i', this.#name('agent'), ...argv], { input, all: true, reject: false })).all;
  }

  async inPod(argv: string[]): Promise<void> {
    await execa('docker', ['exec', this.#name('pod'), ...argv]);
  }

  /** What the agent calls the pod's network namespace. */
  get netns(): string {
    return `${netnsPrefix}${this.#podId}`;
  }

  /** Names of our nftables tables in the pod. */
  async tables(): Promise<string[]> {
    return (await this.inPodNetwork(['nft', 'list', 'tables', 'ip'])).split('\n').flatMap((line) => line.replace(/^table ip /, '').match(/^podbridge_\S+/) ?? []);
  }

  /** Policy rules of agents in the pod, and what their routing tables hold. */
  async returnRoutes(): Promise<string[]> {
    const found = await this.inPodNetwork(['sh', '-c', `ip -N -4 rule show priority ${returnPriority}; ip -4 route show table all | grep '^local default' || true`]);
    return found.split('\n').filter((line) => line !== '');
  }

  /** Runs a tool of the image in the pod's network: the machine may not have it, and the agent may be dead. */
  async inPodNetwork(argv: string[]): Promise<string> {
    const { stdout: pid } = await execa('docker', ['inspect', '--format', '{{.State.Pid}}', this.#name('pod')]);
    const capabilities = ['SYS_ADMIN', 'SYS_PTRACE', 'NET_ADMIN'].flatMap((name) => ['--cap-add', name]);
    const { stdout } = await execa('docker', ['run', '--rm', '--network', 'none', '--pid', 'host', '--cap-drop', 'ALL', ...capabilities, '--entrypoint', 'nsenter', this.#image, '-t', pid, '-n', ...argv]);
    return stdout;
  }

  async log(): Promise<string> {
    return (await execa('docker', ['logs', this.#name('agent')], { all: true, reject: false })).all;
  }

  async remove(): Promise<void> {
    await execa('docker', ['rm', '--force', '--volumes', ...['agent', 'local', 'pod'].map((role) => this.#name(role))], { reject: false });
    await execa('docker', ['network', 'rm', this.#id], { reject: false });
  }

  get #control(): string {
    return `http://${this.addresses['agent']}:${controlPort}/`;
  }

  #name(role: string): string {
    return `${role}-${this.#id}`;
  }

  #bridge({ name = 'bridge', ports = [originalPorts.http], rules, draining = false }: BridgeWish, index: number): Bridge {
    const bridged: BridgePort[] = ports.map((port) => ({ port, protocol: 'TCP', local: port }));
    return {
      apiVersion: 'podbridge.dev/v1alpha1', kind: 'Bridge',
      metadata: { name, namespace: 'shop', uid: `uid-${name}`, creationTimestamp: `2026-01-01T00:00:0${index}Z` },
      spec: {
        owner: 'ann', client: 'ann-1', target: { kind: 'Pod', name: 'pod', container: 'main' }, ports: bridged,
        ...(rules === undefined ? {} : { rules }), ...(draining ? { state: 'Draining' } : {}),
      },
      status: { podSelector: { podName: 'pod' }, hubAddress: this.addresses['local'] ?? '', ports: bridged.map((port) => ({ ...port, hubPort: (hubPorts[port.port] ?? 0) })) },
    };
  }

  /** Returns the container's id. */
  async #start(role: string, options: string[], [command, ...args]: [string, ...string[]]): Promise<string> {
    const name = this.#name(role);
    await execa('docker', ['create', '--name', name, '--network', this.#id, '--label', `${labels.managedBy}=${managedBy}`, '--label', `${labels.link}=${this.#id}`, ...options, '--entrypoint', command, this.#image, ...args]);
    if (role === 'agent') await execa('docker', ['cp', '-', `${name}:/`], { input: await tar('agent-program.cjs', this.#program) });
    else await execa('docker', ['cp', join(import.meta.dirname, 'server-program.cjs'), `${name}:/server-program.cjs`]);
    await execa('docker', ['start', name]);
    const { stdout } = await execa('docker', ['inspect', '--format', '{{.Id}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', name]);
    const [id = '', address = ''] = stdout.split(' ');
    this.addresses[role] = address;
    return id;
  }
}

async function tar(name: string, content: string): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
