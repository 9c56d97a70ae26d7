/** What the agent keeps of a pod of its node: the watch's copy lives in memory for the agent's whole life. */
import type { ObjectMeta } from '../../../../protocol/objects.ts';
import type { KubeObject } from '../../kube/index.ts';

export interface NodePod {
  metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid' | 'resourceVersion' | 'labels'>;
  node: string;
  serviceAccount: string;
  hostNetwork: boolean;
  /** Succeeded or Failed: its processes are gone. */
  completed: boolean;
  /** Told to end: soon its network is taken away, with whatever is still open in it. */
  leaving: boolean;
  /** It does not end at once when it is told to, because something is done before (`preStop`). */
  lingers: boolean;
  addresses: string[];
  hostAliases: { ip: string; names: string[] }[];
  containers: PodContainer[];
}

export interface PodContainer {
  name: string;
  image: string;
  /** Without the runtime's prefix; absent until the container was created. */
  id?: string;
  /** Its readiness probe says so (or it has none and runs). */
  ready: boolean;
  /** One of its probes is a program that is run in it. */
  execProbe: boolean;
  limits: { cpuMillis?: number; memoryBytes?: number };
  probes: Probe[];
  ports: number[];
  mounts: PodMount[];
}

/** A volume mount as the pod declares it. */
export interface PodMount {
  volume: string;
  /** Field of the volume's source: `configMap`. */
  kind: string;
  path: string;
  readOnly: boolean;
}

/** A kubelet probe that reaches a port of the pod. */
export interface Probe {
  kind: 'http' | 'grpc' | 'tcp';
  port: number;
}

/** core/v1 Pod, as far as we read it. */
export interface RawPod extends KubeObject {
  spec?: {
    nodeName?: string; serviceAccountName?: string; hostNetwork?: boolean;
    hostAliases?: { ip: string; hostnames?: string[] }[];
    containers?: RawContainer[]; initContainers?: RawContainer[];
    /** The name, and one field named after the kind. */
    volumes?: ({ name: string } & Record<string, unknown>)[];
  };
  status?: {
    phase?: string; podIP?: string; podIPs?: { ip: string }[];
    containerStatuses?: RawStatus[]; initContainerStatuses?: RawStatus[];
  };
}

interface RawStatus { name: string; containerID?: string; ready?: boolean }

interface RawProbe {
  exec?: object;
  httpGet?: { port: number | string };
  tcpSocket?: { port: number | string };
  grpc?: { port: number };
}

interface RawContainer {
  name: string; image?: string; restartPolicy?: string;
  ports?: { name?: string; containerPort: number }[];
  resources?: { limits?: Record<string, string> };
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
  lifecycle?: { preStop?: object };
  readinessProbe?: RawProbe; livenessProbe?: RawProbe; startupProbe?: RawProbe;
}

export function trimPod(raw: RawPod): NodePod {
  const { spec = {}, status = {}, metadata } = raw;
  const statuses = [...status.containerStatuses ?? [], ...status.initContainerStatuses ?? []];
  // An init container that restarts is a sidecar: it runs beside the others and may be a target.
  const containers = [...spec.containers ?? [], ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')];
  const kinds = new Map((spec.volumes ?? []).map((volume) => [volume.name, Object.keys(volume).find((field) => field !== 'name') ?? 'unknown']));
  return {
    metadata: {
      name: metadata.name, ...keep('namespace', metadata.namespace), ...keep('uid', metadata.uid),
      ...keep('resourceVersion', metadata.resourceVersion), ...keep('labels', metadata.labels),
    },
    node: spec.nodeName ?? '',
    serviceAccount: spec.serviceAccountName ?? 'default',
    hostNetwork: spec.hostNetwork === true,
    leaving: metadata.deletionTimestamp !== undefined,
    lingers: containers.some(({ lifecycle }) => lifecycle?.preStop !== undefined),
    completed: status.phase === 'Succeeded' || status.phase === 'Failed',
    addresses: status.podIPs?.map(({ ip }) => ip) ?? (status.podIP === undefined ? [] : [status.podIP]),
    hostAliases: (spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => ({ ip, names: hostnames })),
    containers: containers.map((container) => trimContainer(container, statuses, kinds)),
  };
}

function trimContainer(raw: RawContainer, statuses: RawStatus[], kinds: ReadonlyMap<string, string>): PodContainer {
  const status = statuses.find(({ name }) => name === raw.name);
  const id = status?.containerID?.replace(/^\w+:\/\//, '');
  const { cpu, memory } = raw.resources?.limits ?? {};
  return {
    name: raw.name, image: raw.image ?? '', ...(id === undefined || id === '' ? {} : { id }),
    ready: status?.ready === true, execProbe: [raw.readinessProbe, raw.livenessProbe].some((probe) => probe?.exec !== undefined),
    limits: { ...keep('cpuMillis', milliOf(cpu)), ...keep('memoryBytes', quantityOf(memory)) },
    probes: [raw.readinessProbe, raw.livenessProbe, raw.startupProbe].flatMap((probe) => trimProbe(probe, raw.ports ?? [])),
    ports: (raw.ports ?? []).map(({ containerPort }) => containerPort),
    mounts: (raw.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => ({ volume: name, kind: kinds.get(name) ?? 'unknown', path: mountPath, readOnly: readOnly === true })),
  };
}

function trimProbe(probe: RawProbe | undefined, named: { name?: string; containerPort: number }[]): Probe[] {
  const resolve = (kind: Probe['kind'], port: number | string): Probe[] => {
    const number = typeof port === 'number' ? port : named.find(({ name }) => name === port)?.containerPort;
    return number === undefined ? [] : [{ kind, port: number }];
  };
  if (probe?.httpGet !== undefined) return resolve('http', probe.httpGet.port);
  if (probe?.tcpSocket !== undefined) return resolve('tcp', probe.tcpSocket.port);
  if (probe?.grpc !== undefined) return resolve('grpc', probe.grpc.port);
  return [];
}

const suffixes: Record<string, number> = {
  '': 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** A Kubernetes quantity (`500m`, `1Gi`, `1e3`) as a number; undefined when it is none. */
export function quantityOf(text: string | undefined): number | undefined {
  const match = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(text ?? '');
  const factor = suffixes[match?.[2] ?? '-'];
  const value = Number(match?.[1]);
  return factor === undefined || !Number.isFinite(value) ? undefined : value * factor;
}

function milliOf(cpu: string | undefined): number | undefined {
  const value = quantityOf(cpu);
  return value === undefined ? undefined : Math.round(value * 1000);
}

function keep<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
