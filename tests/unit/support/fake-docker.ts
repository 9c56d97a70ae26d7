/**
 * Docker in memory, as far as links need it. Every call takes a turn of the event loop, so that several at once interleave;
 * like the real one it lets two networks of one name come into being when two clients ask at the same moment.
 */
import { PassThrough } from 'node:stream';
import type { ControlMethods } from '../../../protocol/control.ts';
import type { ContainerInfo, ContainerSpec, Docker, ExecStream, Labels, NetworkInfo, NetworkSpec } from '../../../cli/adapters/docker/index.ts';
import { BridgeError } from '../../../cli/errors.ts';

export type CargoAnswers = { [M in keyof ControlMethods]?: (params: ControlMethods[M]['params']) => unknown };

export interface FakeDocker extends Docker {
  readonly state: {
    containers: Map<string, ContainerInfo & { spec: ContainerSpec }>;
    networks: Map<string, NetworkInfo>;
    volumes: Map<string, Labels>;
    images: Map<string, string>;
  };
  /** Every request that a cargo got, in order. */
  readonly asked: { method: string; params: unknown }[];
  readonly calls: string[];
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });
const matches = (labels: Labels, wanted: Labels): boolean => Object.entries(wanted).every(([name, value]) => labels[name] !== undefined && (value === '' || labels[name] === value));

export function dockerError(code: string): BridgeError {
  return new BridgeError({ kind: 'environment', code, what: code });
}

/** @param answers what a cargo says; `hello` is known */
export function fakeDocker(answers: CargoAnswers = {}): FakeDocker {
  const containers = new Map<string, ContainerInfo & { spec: ContainerSpec }>();
  const networks = new Map<string, NetworkInfo>();
  const volumes = new Map<string, Labels>();
  const images = new Map([['podbridge/cargo:1', 'sha256:one']]);
  const asked: { method: string; params: unknown }[] = [];
  const calls: string[] = [];
  const configured = new Set<string>();
  let lastId = 0;
  const byName = (idOrName: string) => containers.get(idOrName) ?? [...containers.values()].find(({ name }) => name === idOrName);
  const network = (idOrName: string) => networks.get(idOrName) ?? [...networks.values()].find(({ name }) => name === idOrName);
  const known = (idOrName: string) => {
    const found = byName(idOrName);
    if (found === undefined) throw dockerError('container-not-found');
    return found;
  };

  function execStream(container: ContainerInfo): ExecStream {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    let finish: (code: number) => void = () => undefined;
    const ended = new Promise<number>((resolve) => { finish = resolve; });
    stdin.setEncoding('utf8');
    stdin.on('data', (text: string) => {
      for (const line of text.trim().split('\n')) {
        const { id, method, params } = JSON.parse(line) as { id: number; method: keyof ControlMethods; params: never };
        asked.push({ method, params });
        const answer = answers[method] ?? (method === 'hello' ? () => ({ version: '1', publicKey: `key of ${container.id}`, configured: configured.has(container.id) }) : () => ({}));
        if (method === 'configure') configured.add(container.id);
        void (async () => answer(params))().then((result) => stdout.write(`${JSON.stringify({ id, result })}\n`), ({ code, message }: { code: string; message: string }) => stdout.write(`${JSON.stringify({ id, error: { code, message } })}\n`));
      }
    });
    stdin.on('end', () => { stdout.end(); finish(0); });
    return { stdin, stdout, stderr, ended, close: () => { stdout.end(); finish(0); }, resize: async () => undefined };
  }

  const unused = async (): Promise<never> => { throw new Error('the fake does not do this'); };
  return {
    state: { containers, networks, volumes, images }, asked, calls,
    endpoint: { url: 'fake://', source: 'test' },
    info: async () => ({ id: 'DOCKER', name: 'fake', architecture: 'x86_64', operatingSystem: '', serverVersion: '20.10', apiVersion: '1.41', cpus: 1, memoryBytes: 1, rootDirectory: '/var/lib/docker', rootless: false }),
    containers: {
      async create(spec) {
        await turn();
        calls.push(`create ${spec.name}`);
        if (byName(spec.name) !== undefined) throw dockerError('name-conflict');
        const imageId = images.get(spec.image);
        if (imageId === undefined) throw dockerError('image-not-found');
        const attached = (spec.networks ?? []).map((each) => ({ each, info: network(each.network) }));
        if (attached.some(({ info }) => info === undefined)) throw dockerError('network-not-found');
        const id = `c${++lastId}`;
        containers.set(id, {
          id, name: spec.name, image: spec.image, imageId, labels: spec.labels, state: 'created', running: false, exitCode: 0, finishedAt: '0001-01-01T00:00:00Z', outOfMemory: false, error: '', tty: false, ports: [], addresses: {}, spec,
          networks: Object.fromEntries(attached.map(({ each, info }) => [each.network, { id: info?.id ?? '', requested: each.ipv4Address, ipv4Address: undefined }])),
        });
        return id;
      },
      async start(id) {
        await turn();
        calls.push(`start ${known(id).name}`);
        Object.assign(known(id), { running: true, state: 'running' });
      },
      async stop(id) { await turn(); Object.assign(known(id), { running: false, state: 'exited' }); return true; },
      kill: async () => true,
      async restart(id) { await turn(); calls.push(`restart ${known(id).name}`); Object.assign(known(id), { running: true, state: 'running' }); },
      async remove(id) {
        await turn();
        const found = byName(id);
        if (found !== undefined) calls.push(`remove ${found.name}`);
        for (const each of networks.values()) each.containers = each.containers.filter((container) => container.id !== found?.id);
        return found !== undefined && containers.delete(found.id);
      },
      async find(idOrName) { await turn(); const found = byName(idOrName); return found === undefined ? undefined : structuredClone({ ...found, spec: undefined }); },
      async list(labels, options = {}) { await turn(); return [...containers.values()].filter((each) => matches(each.labels, labels) && (options.running !== true || each.running)); },
      wait: unused, attach: unused, resize: unused, exec: unused, putArchive: unused, usage: async () => ({ cpuNs: 5e9, memoryBytes: 50 * 1024 * 1024 }),
      async logs() { const [stdout, stderr] = [new PassThrough(), new PassThrough()]; stdout.end('its last words'); stderr.end(); return { stdout, stderr, close: () => undefined }; },
      async execStream(id) {
        await turn();
        if (!known(id).running) throw dockerError('container-not-found');
        return execStream(known(id));
      },
    },
    networks: {
      async create(spec: NetworkSpec) {
        calls.push(`network ${spec.subnet}`);
        const overlapping = [...networks.values()].some(({ subnets }) => subnets.includes(spec.subnet));
        if (overlapping) throw dockerError('network-overlap');
        // The check for the name is made before a turn, the network after it: that is the race of the real one.
        const taken = network(spec.name) !== undefined;
        await turn();
        if (taken) throw dockerError('name-conflict');
        const id = `n${String(++lastId).padStart(4, '0')}`;
        networks.set(id, { id, name: spec.name, driver: 'bridge', labels: spec.labels, created: `2026-01-01T00:00:00.${String(lastId).padStart(6, '0')}Z`, subnets: [spec.subnet], gateway: spec.gateway, auxiliary: spec.auxiliary ?? {}, internal: false, containers: [] });
        return id;
      },
      async list(labels = {}) { await turn(); return [...networks.values()].filter((each) => matches(each.labels, labels)); },
      async find(idOrName) { await turn(); return network(idOrName); },
      async connect(name, container) { await turn(); calls.push(`connect ${name}`); network(name)?.containers.push({ id: container, name: known(container).name, ipv4Address: '' }); },
      async disconnect(name, container) {
        await turn();
        calls.push(`disconnect ${network(name)?.name ?? name} ${container}`);
        const found = network(name);
        if (found === undefined) return false;
        found.containers = found.containers.filter(({ id }) => id !== container);
        return true;
      },
      async remove(idOrName) {
        await turn();
        const found = network(idOrName);
        if (found !== undefined && found.containers.length > 0) throw dockerError('docker-error');
        return found !== undefined && networks.delete(found.id);
      },
    },
    images: {
      async find(reference) {
        await turn();
        const id = images.get(reference);
        return id === undefined ? undefined : { id, tags: [reference], labels: {}, env: [], user: '', workingDir: '', entrypoint: [], command: [], exposedPorts: [], architecture: 'amd64', size: 1 };
      },
      list: unused, pull: unused, build: unused, tag: unused, push: unused, save: unused, remove: unused,
    },
    volumes: {
      async create(name, labels) { volumes.set(name, labels); return `/volumes/${name}`; },
      async find(name) { await turn(); const own = volumes.get(name); return own === undefined ? undefined : { name, labels: own, folder: `/volumes/${name}` }; },
      async list(labels) { await turn(); return [...volumes].filter(([, own]) => matches(own, labels)).map(([name, own]) => ({ name, labels: own })); },
      async remove(name) { return volumes.delete(name); },
    },
    pastEvents: async () => [],
    events: () => { throw new Error('the fake has no events'); },
  };
}
