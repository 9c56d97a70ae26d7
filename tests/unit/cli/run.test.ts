/** The course of a run over faked Docker, cluster and link: what is made, and that every failure and Ctrl-C leave nothing of it. */
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Cluster, KubeObject } from '../../../cli/adapters/cluster/index.ts';
import type { ContainerSpec, Docker } from '../../../cli/adapters/docker/index.ts';
import type { BridgeWatch } from '../../../cli/bridge/bridge-watch.ts';
import { endedByOthers } from '../../../cli/bridge/ended-elsewhere.ts';
import { followBridge } from '../../../cli/bridge/follow-bridge.ts';
import type { UsableLink } from '../../../cli/bridge/needs.ts';
import { run } from '../../../cli/bridge/run.ts';
import type { RunParts, RunRequest } from '../../../cli/bridge/run-request.ts';
import type { RunSummary } from '../../../cli/bridge/summary.ts';
import { BridgeError, isBridgeError } from '../../../cli/errors.ts';
import type { UiEvent } from '../../../cli/ui/events.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { fakeHost } from './fake-host.ts';

/** Calls in their order; `failing` makes the one of that name throw. */
let calls: string[];
let failing: string | undefined;
let exit: (code: number) => void;

function call(name: string): void {
  calls.push(name);
  if (failing === name) throw new BridgeError({ kind: 'environment', code: `fake-${name.replace(/ .*/, '')}`, what: `${name} failed` });
}

const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'api' }, spec: { replicas: 1, template: { spec: { containers: [{ name: 'api', ports: [{ containerPort: 8080 }] }] } } } };
const client = { apiVersion: 'x', kind: 'Client', metadata: { name: 'c' } };

class FakeCluster {
  readonly context = { name: 'lab', server: 'https://lab', namespace: 'shop', user: 'u', files: [], kubectl: 'kubectl --context lab' };
  readonly #changed = new EventEmitter();
  bridge: Bridge | undefined;
  claimed = false;

  whoAmI = async () => ({ username: 'ann', groups: [] });
  get = async () => {
    call('get target');
    return deployment;
  };
  create = async (object: Bridge) => {
    call('create bridge');
    this.set({ ...object, metadata: { ...object.metadata, uid: 'uid-1' } });
    // Controller and agent, in one.
    setTimeout(() => {
      if (failing === 'controller') this.set({ ...this.bridge!, status: { phase: 'Failed', conditions: [{ type: 'Accepted', status: 'False', reason: 'x', message: 'two owners', lastTransitionTime: '' }] } });
      else this.set({ ...this.bridge!, status: { phase: 'Ready', desiredPods: 1, ports: object.spec.ports.map((port) => ({ ...port, hubPort: 20_001 })), pods: [{ name: 'api-1', node: 'n', ready: true, serving: true, since: '', agent: '10.0.0.9:7080' }] } });
    }, 5);
    return this.bridge!;
  };
  patch = async (_type: unknown, _name: string, change: { spec?: { state: string } }) => {
    if (change.spec === undefined) {
      this.claimed = true;
      return this.bridge!;
    }
    call(`bridge ${change.spec.state}`);
    this.set({ ...this.bridge!, spec: { ...this.bridge!.spec, state: 'Draining' } });
    setTimeout(() => this.bridge !== undefined && this.set({ ...this.bridge, status: { ...this.bridge.status, pods: [] } }), 5);
    return this.bridge!;
  };
  delete = async () => {
    call('delete bridge');
    const was = this.bridge !== undefined;
    this.set(undefined);
    return was;
  };
  find = async () => this.bridge;
  set(bridge: Bridge | undefined): void {
    this.bridge = bridge;
    this.#changed.emit('change');
  }
  async *watch({ kind }: { kind: string }, { signal }: { signal: AbortSignal }) {
    if (kind === 'Client') yield { type: 'synced', items: [client] };
    while (!signal.aborted) {
      yield { type: 'synced', items: this.bridge === undefined ? [] : [this.bridge] };
      await new Promise<void>((resolve) => {
        this.#changed.once('change', () => resolve());
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }
  async until(type: { kind: string }, _name: string, test: (object: KubeObject | undefined) => boolean, { signal }: { signal?: AbortSignal }) {
    for await (const event of this.watch(type, { signal: signal ?? new AbortController().signal })) if (test(event.items[0])) return event.items[0];
    throw new Error('given up');
  }
}

function fakeDocker(): { docker: Docker; made: ContainerSpec[] } {
  const made: ContainerSpec[] = [];
  let ended!: (code: number) => void;
  const exited = new Promise<number>((resolve) => (ended = resolve));
  exit = (code) => ended(code);
  const docker = {
    info: async () => ({ id: 'docker-1' }),
    images: {
      find: async () => {
        call('find image');
        return { id: 'i', env: [] };
      },
    },
    networks: { find: async () => ({ subnets: ['10.87.0.0/24'], gateway: '10.87.0.1', auxiliary: {}, containers: [] }) },
    containers: {
      list: async () => [],
      create: async (spec: ContainerSpec) => {
        call('create container');
        made.push(spec);
        return 'id-1';
      },
      attach: async () => {
        const [stdout, stderr] = [new PassThrough(), new PassThrough()];
        void exited.then(() => {
          stdout.end('the output\n');
          stderr.end();
        });
        return { stdin: new PassThrough(), stdout, stderr, ended: exited, close: () => undefined };
      },
      wait: () => exited,
      start: async () => call('start container'),
      stop: async () => {
        call('stop container');
        ended(143);
        return true;
      },
      remove: async () => {
        call('remove container');
        return true;
      },
      resize: async () => undefined,
    },
  };
  return { docker: docker as unknown as Docker, made };
}

const identity = { pod: { name: 'api-1' }, env: [['LEVEL', 'debug']], resolv: { nameservers: [], search: [], options: [] }, hosts: [] };

function stage(more: Partial<RunRequest['flags']> = {}, over: Partial<RunRequest> = {}, among: Pick<RunParts, 'amongOthers'> = {}) {
  const host = fakeHost();
  const events: UiEvent[] = [];
  const cluster = new FakeCluster();
  const { docker, made } = fakeDocker();
  const ready: RunSummary[] = [];
  const link: UsableLink = {
    client: 'ann-123456', owner: 'ann', network: 'net', gateway: '10.87.0.2', domain: 'cluster.local', transport: 'docker',
    control: {
      call: (async (method: string) => {
        call(`cargo ${method}`);
        return method === 'identity' ? identity : {};
      }),
      close: () => call('close control'),
    },
  };
  const request: RunRequest = {
    flags: { image: 'api:dev', env: [], binds: [], publish: [], interactive: false, tty: false, remove: false, detach: false, retain: false, command: [], ...more },
    pull: 'missing', target: { kind: 'Deployment', name: 'api' }, ports: [], rules: [], hideServedBy: false, volumes: { none: true, modes: new Map() }, ...over,
  };
  let announce!: () => void;
  const isReady = new Promise<void>((resolve) => (announce = resolve));
  const parts: RunParts = {
    ...among, host, reporter: { emit: (event) => void events.push(event) }, docker: async () => docker, cluster: async () => cluster as unknown as Cluster, sweep: async () => undefined,
    openLink: async (_docker, _cluster, steps) => steps.run({
      id: 'link', title: 'Link', act: async ({ undo }) => {
        call('link up');
        undo('Remove the link', async () => call('link down'));
        return link;
      },
    }),
    onReady: (summary) => {
      ready.push(summary);
      announce();
    },
  };
  return { host, events, cluster, made, ready, isReady, go: () => run(request, parts) };
}

beforeEach(() => {
  calls = [];
  failing = undefined;
});

const undoing = () => calls.filter((name) => /^(bridge Draining|delete|cargo (unforward|release)|stop|remove|link down)/.test(name));
const everythingUndone = ['bridge Draining', 'delete bridge', 'cargo unforward', 'cargo release', 'stop container', 'remove container', 'link down'];

test('in the foreground: the container\'s output and exit code; traffic ends before the container does', async () => {
  const { go, host, made, ready, isReady, cluster } = stage();
  const running = go();
  await isReady;
  expect(ready[0]).toMatchObject({ bridge: { namespace: 'shop', name: 'api-ann' }, target: { kind: 'Deployment', name: 'api', container: 'api' }, pods: [{ name: 'api-1', node: 'n' }], link: { transport: 'docker' } });
  expect(made[0]).toMatchObject({ name: 'api-ann', env: ['LEVEL=debug'] });
  expect(cluster.bridge?.spec).toMatchObject({ owner: 'ann', target: { kind: 'Deployment', name: 'api', container: 'api' }, ports: [{ port: 8080, protocol: 'TCP', local: 8080 }] });
  expect(calls).toEqual(expect.arrayContaining(['cargo forward', 'cargo lifeline']));
  expect(calls.indexOf('create bridge')).toBeLessThan(calls.indexOf('create container'));
  exit(42);
  expect(await running).toBe(42);
  expect(host.out()).toBe('the output\n');
  expect(undoing()).toEqual(everythingUndone);
});

test.each([[3, { type: 'warning', code: 'container-ended' }], [0, { type: 'note', text: 'api: the container has ended with exit code 0' }]])('one of several that ends with %d says so', async (code, kind) => {
  const { go, isReady, events } = stage({}, {}, { amongOthers: 'api' });
  const running = go();
  await isReady;
  exit(code);
  expect(await running).toBe(code);
  expect(events).toContainEqual(expect.objectContaining({ text: `the container has ended with exit code ${code}`, ...kind }));
});

test('a container may be called otherwise than its bridge', async () => {
  const { go, made, cluster } = stage({ detach: true }, { base: 'shop-cluster', containerName: 'shop-cluster' });
  expect(await go()).toBe(0);
  expect([cluster.bridge?.metadata.name, made[0]!.name]).toEqual(['shop-cluster-ann', 'shop-cluster']);
});

test('detached: everything stays, and the lifeline that guarded the making is let go', async () => {
  const { go, made } = stage({ detach: true });
  expect(await go()).toBe(0);
  expect(undoing()).toEqual(['cargo release']);
  expect(calls).toContain('cargo lifeline');
  expect(made[0]!.labels).not.toHaveProperty(['podbridge.dev/session']);
});

test('without a target there is no bridge', async () => {
  const { go, made, ready } = stage({ detach: true }, { target: undefined, name: 'tool' });
  expect(await go()).toBe(0);
  expect(made[0]).toMatchObject({ name: 'tool', dns: { search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'] } });
  expect(ready[0]).toMatchObject({ bridge: null, target: null });
  expect(calls).not.toContain('create bridge');
});

describe('a failure leaves nothing', () => {
  test.each([
    ['find image', /find image failed/], ['get target', /get target failed/], ['link up', /link up failed/], ['create bridge', /create bridge failed/], ['controller', /could not make the bridge/],
    ['create container', /create container failed/], ['start container', /start container failed/], ['cargo forward', /cargo forward failed/],
  ])('%s', async (name, message) => {
    failing = name;
    const { go, cluster, ready } = stage();
    await expect(go()).rejects.toThrow(message);
    expect(ready).toEqual([]);
    expect(cluster.bridge).toBeUndefined();
    const was = (made: string, undone: string) => expect({ made, undone: calls.includes(undone) }).toEqual({ made, undone: calls.includes(made) && failing !== made });
    was('link up', 'link down');
    was('create bridge', 'delete bridge');
    was('create container', 'remove container');
  });

  test('--retain keeps the wreck', async () => {
    failing = 'start container';
    const { go, cluster } = stage({ retain: true });
    await expect(go()).rejects.toThrow('start container failed');
    expect(undoing()).toEqual([]);
    expect(cluster.bridge).toBeDefined();
  });

  test('the controller\'s reason is told', async () => {
    failing = 'controller';
    const error: unknown = await stage().go().catch((reason: unknown) => reason);
    expect(isBridgeError(error) && error.facts).toMatchObject({ code: 'bridge-failed', why: 'two owners' });
  });
});

describe('Ctrl-C', () => {
  test('once: undone in the same order, 130', async () => {
    const { go, host, isReady, events } = stage();
    const running = go();
    await isReady;
    host.signal('SIGINT');
    expect(await running).toBe(130);
    expect(undoing()).toEqual(everythingUndone);
    expect(events.filter((event) => event.type === 'step-undone').map((event) => event.title)).toEqual(['End bridge api-ann', 'Remove container api-ann', 'Remove the link']);
  });

  test('SIGTERM while things are being made', async () => {
    const { go, host, cluster } = stage();
    const running = go();
    host.signal('SIGTERM');
    expect(await running).toBe(143);
    expect(cluster.bridge).toBeUndefined();
    expect(calls).not.toContain('start container');
  });

  test('twice: nothing graceful is waited for', async () => {
    const { go, host, isReady } = stage();
    const running = go();
    await isReady;
    host.signal('SIGINT');
    host.signal('SIGINT');
    expect(await running).toBe(130);
    expect(undoing()).toEqual(everythingUndone.filter((name) => name !== 'bridge Draining' && name !== 'stop container'));
  });
});

describe('a bridge that is ended from elsewhere takes its container with it', () => {
  test('by somebody else: an error, after everything was undone', async () => {
    const { go, isReady, cluster, events } = stage();
    const running = go();
    await isReady;
    cluster.set(undefined);
    await expect(running).rejects.toMatchObject({ facts: { code: 'bridge-ended', kind: 'refused', exitCode: 4, why: expect.stringMatching(/^the cluster has no link ann-\w+ any more: an administrator has revoked it/) } });
    expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'bridge-ended' }));
    expect(undoing()).toEqual(expect.arrayContaining(['remove container', 'link down']));
  });

  test('by a command of the same machine: the container\'s exit code', async () => {
    const { go, isReady, cluster } = stage();
    const running = go();
    await isReady;
    cluster.set({ ...cluster.bridge!, metadata: { ...cluster.bridge!.metadata, annotations: { 'podbridge.dev/ended-by': cluster.bridge!.spec.client } } });
    await new Promise((resolve) => setTimeout(resolve, 20));
    cluster.set(undefined);
    expect(await running).toBe(143);
  });
});

describe('who has ended a bridge, and why', () => {
  const bridge = { metadata: { name: 'api-ann', namespace: 'shop' }, spec: { client: 'ann-1' } } as unknown as Bridge;
  const why = async (found: unknown, more: object = {}) => (await endedByOthers({ find: async () => { if (found instanceof Error) throw found; return found; } } as unknown as Cluster, { ...bridge, spec: { ...bridge.spec, ...more } })).facts.why;
  const refusal = (code: string) => new BridgeError({ kind: 'refused', code, what: 'no' });
  test.each([
    [undefined, {}, /^the cluster has no link ann-1 any more: an administrator has revoked it/], [{ metadata: {}, status: { phase: 'Gone' } }, {}, /silent for longer than its --ttl/],
    [{ metadata: {} }, {}, /^it was deleted: by an administrator/], [{ metadata: {} }, { lifetime: '2h' }, /^its lifetime of 2h is over, or it was deleted/],
    [refusal('cluster-unauthorized'), {}, /revoked them, or they have expired$/], [refusal('cluster-forbidden'), {}, /taken the rights away/], [refusal('cluster-kind-missing'), {}, /^podbridge was removed from the cluster$/], [refusal('cluster-unreachable'), {}, /^it was deleted/],
  ])('%#: as far as can be told', async (found, more, words) => expect(await why(found, more)).toMatch(words));
});

describe('what is told of a bridge while its run stands', () => {
  const state = (phase: string, serving: boolean, reason = '') => ({ spec: { ports: [{ protocol: 'TCP', local: 8080 }] }, status: { phase, pods: [{ serving }], conditions: [{ type: 'Ready', reason, message: reason }] } }) as unknown as Bridge;
  const follow = (life?: () => Promise<string | undefined>) => {
    let listener: () => void = () => undefined;
    const watch = { ref: { namespace: 'shop', name: 'api-ann' }, current: state('Ready', true) as Bridge | undefined, onChange: (told: () => void) => { listener = told; return () => undefined; } };
    const told: string[] = [];
    const abort = new AbortController();
    void followBridge({ watch: watch as unknown as BridgeWatch, now: () => 0, signal: abort.signal, ...(life === undefined ? {} : { life }), reporter: { emit: (event) => { if (event.type === 'note' || event.type === 'warning') told.push(event.type === 'warning' ? event.code : event.text); } } });
    return { told, abort, becomes: (...bridges: Bridge[]) => bridges.forEach((bridge) => { watch.current = bridge; listener(); }) };
  };

  test('silent, then taken over, then ended: nothing comes back in between', () => {
    const { told, abort, becomes } = follow();
    becomes(state('Suspended', false), state('Failed', false, 'TakenOver'), state('Draining', false));
    expect(told).toEqual(['link-silent', 'taken-over']);
    abort.abort();
  });

  test('what comes back is told when it is there', () => {
    const { told, abort, becomes } = follow();
    becomes(state('Suspended', false), state('Pending', false), state('Attaching', false));
    expect(told).toEqual(['link-silent']);
    becomes(state('Ready', true), state('Failed', true, 'TakenOver'), state('Ready', true));
    expect(told).toEqual(['link-silent', 'The link is back', 'taken-over', 'The requests come to the container again']);
    abort.abort();
  });

  test('that nothing listens is told only while the container can be reached, and not of a silent link', async () => {
    const [runs, silent, suspended] = [follow(), follow(async () => undefined), follow()];
    for (const { becomes } of [runs, silent, suspended]) becomes(state('Ready', false));
    suspended.becomes(state('Suspended', false));
    while (runs.told.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    expect([runs.told, silent.told, suspended.told]).toEqual([['not-listening'], [], ['link-silent']]);
    for (const { abort } of [runs, silent, suspended]) abort.abort();
  }, 30_000);
});
