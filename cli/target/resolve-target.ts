/** What a target is in the cluster: its container and ports; refuses what cannot be bridged, and says what there is instead. */
import type { BridgePort } from '../../protocol/objects.ts';
import type { TargetKind } from '../../protocol/target.ts';
import { resources, type Cluster, type DiscoveredKind, type KubeObject, type ResourceType } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';
import { chooseContainer } from './choose-container.ts';
import { findKind, readScale } from './custom-kind.ts';
import type { ContainerSpec, Pod, PodSpec, PodVolume, Service, Workload } from './kube-types.ts';
import { describeTarget, type TargetRef } from './parse-target.ts';
import { choosePorts, portsForRules, servicePorts } from './ports.ts';

export interface TargetQuestion {
  ref: TargetRef;
  namespace: string;
  /** `--container`. */
  container?: string;
  /** `--port`. */
  ports: string[];
  /** Rules choose among HTTP requests, so declared UDP ports stay with the original. */
  withRules?: boolean;
  /** Only the container matters (`bridge env`): ports are left alone. */
  withoutPorts?: boolean;
}

export interface ResolvedTarget {
  ref: TargetRef;
  namespace: string;
  container: ContainerSpec;
  ports: BridgePort[];
  /** Volumes that the container mounts, by name, with the field that gives their kind (`configMap`), as far as the pod's template has them. */
  volumes: Record<string, string>;
  /** The cluster adds the ServiceAccount's token to the pod (unless the account says otherwise). */
  mountsToken: boolean;
  /** All of the pod's, as its template has them. */
  podVolumes: PodVolume[];
}

interface Template {
  spec: PodSpec;
  annotations: Record<string, string>;
  service?: Service;
}

const namesShown = 12;

async function whatThereIs(cluster: Cluster, type: ResourceType, name: string, namespace: string): Promise<{ why?: string; next: string }> {
  const next = `${cluster.context.kubectl} get ${type.plural} -n ${namespace}`;
  try {
    const [{ items }, found] = await Promise.all([cluster.list(type, { namespace }), cluster.find(resources.Namespace, namespace).catch(() => ({}))]);
    if (found === undefined) return { why: `there is no namespace ${namespace}`, next: `${cluster.context.kubectl} get namespaces` };
    const names = items.map((item) => item.metadata.name);
    if (names.length === 0) return { why: `namespace ${namespace} has no ${type.plural} at all`, next: 'name the right namespace with -n' };
    const meant = suggest(name, names);
    const shown = names.slice(0, namesShown).join(', ') + (names.length > namesShown ? `, and ${names.length - namesShown} more` : '');
    return { why: `there ${names.length === 1 ? 'is' : 'are'}: ${shown}${meant === undefined ? '' : `; did you mean ${meant}?`}`, next };
  } catch {
    // Without the right to list, the plain words are all there is.
    return { next };
  }
}

async function found<T>(cluster: Cluster, ref: TargetRef, type: ResourceType, namespace: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isBridgeError(error) || error.facts.code !== 'cluster-not-found') throw error;
    throw new BridgeError({ kind: 'usage', code: 'target-not-found', what: `there is no ${describeTarget(ref)} in namespace ${namespace}`, ...(await whatThereIs(cluster, type, ref.name, namespace)), cause: error });
  }
}

async function fetch<T extends KubeObject>(cluster: Cluster, ref: TargetRef, namespace: string): Promise<T> {
  const type = resources[ref.kind as TargetKind];
  return await found(cluster, ref, type, namespace, () => cluster.get<T>(type, ref.name, namespace));
}

function refuse(what: string, why: string, next?: string): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'target-unsupported', what, why, ...(next === undefined ? {} : { next }) });
}

function noPods(ref: TargetRef, namespace: string, next: string): BridgeError {
  return new BridgeError({ kind: 'environment', code: 'target-without-pods', what: `${describeTarget(ref)} in namespace ${namespace} has no pods`, why: 'the container takes its environment from a running pod, and traffic comes only to pods', next });
}

/** A pod stands for all of them: what a custom kind has of a template, only its own controller knows. */
async function ofSelector(cluster: Cluster, ref: TargetRef, namespace: string, selector: string, next = `kubectl get pods -n ${namespace} -l '${selector}'`): Promise<Template> {
  const { items } = await cluster.list<Pod>(resources.Pod, { namespace, labelSelector: selector });
  const pod = items.find((item) => item.status?.phase === 'Running') ?? items.find((item) => item.status?.phase === 'Pending');
  if (pod === undefined) throw noPods(ref, namespace, next);
  return { spec: pod.spec, annotations: pod.metadata.annotations ?? {} };
}

async function ofCustomKind(cluster: Cluster, ref: TargetRef, type: DiscoveredKind, namespace: string): Promise<Template> {
  const { selector, replicas } = await found(cluster, ref, type, namespace, () => readScale(cluster, type, ref.name, namespace));
  return await ofSelector(cluster, ref, namespace, selector, replicas === 0 ? `kubectl scale ${type.plural}.${type.apiVersion.split('/')[0]}/${ref.name} -n ${namespace} --replicas=1` : undefined);
}

async function templateOf(cluster: Cluster, ref: TargetRef, namespace: string): Promise<Template> {
  if (ref.kind === 'Pod') {
    const pod = await fetch<Pod>(cluster, ref, namespace);
    const phase = pod.status?.phase;
    if (phase === 'Succeeded' || phase === 'Failed') throw refuse(`pod ${ref.name} has ended (${phase})`, 'a pod that does not run has no traffic and no environment', `kubectl get pods -n ${namespace}`);
    return { spec: pod.spec, annotations: pod.metadata.annotations ?? {} };
  }
  if (ref.kind === 'Service') {
    const service = await fetch<Service>(cluster, ref, namespace);
    const selector = Object.entries(service.spec.selector ?? {}).map(([key, value]) => `${key}=${value}`).join(',');
    if (selector === '') throw refuse(`service ${ref.name} selects no pods`, service.spec.type === 'ExternalName' ? 'it is an ExternalName' : 'it has no selector: its endpoints are made by something else', 'name a workload, as deploy/NAME');
    return { ...await ofSelector(cluster, ref, namespace, selector), service };
  }
  const workload = await fetch<Workload>(cluster, ref, namespace);
  const finished = (workload.status?.conditions ?? []).find((condition) => ['Complete', 'Failed'].includes(condition.type) && condition.status === 'True');
  if (ref.kind === 'Job' && finished !== undefined) throw refuse(`job ${ref.name} has ended (${finished.type})`, 'its pods do not run any more', `kubectl get jobs -n ${namespace}`);
  if (workload.spec.replicas === 0) throw noPods(ref, namespace, `kubectl scale ${ref.kind.toLowerCase()}/${ref.name} -n ${namespace} --replicas=1`);
  if (ref.kind === 'DaemonSet' && workload.status?.desiredNumberScheduled === 0) throw noPods(ref, namespace, `kubectl describe daemonset/${ref.name} -n ${namespace}`);
  return { spec: workload.spec.template.spec, annotations: workload.spec.template.metadata?.annotations ?? {} };
}

function mountedVolumes({ volumes = [] }: PodSpec, { volumeMounts = [] }: ContainerSpec): Record<string, string> {
  const mounted = new Set(volumeMounts.map(({ name }) => name));
  return Object.fromEntries(volumes.filter(({ name }) => mounted.has(name)).map((volume) => [volume.name, Object.keys(volume).find((field) => field !== 'name') ?? 'unknown']));
}

/** The pods as their template or one of them describes them, and the target with its kind as the cluster has it. */
export async function podTemplate(cluster: Cluster, asked: TargetRef, namespace: string): Promise<Template & { ref: TargetRef }> {
  if (asked.group === undefined) return { ref: asked, ...await templateOf(cluster, asked, namespace) };
  const { type, ref } = await findKind(cluster, asked);
  return { ref, ...await ofCustomKind(cluster, ref, type, namespace) };
}

/** Throws BridgeError `target-not-found`, `target-kind-*`, `target-without-scale`, `target-scale-forbidden`, `target-unsupported`, `target-without-pods`, `container-*`, `port-*`, `no-ports`. */
export async function resolveTarget(cluster: Cluster, question: TargetQuestion): Promise<ResolvedTarget> {
  const { namespace } = question;
  const { ref, spec, annotations, service } = await podTemplate(cluster, question.ref, namespace);
  const target = describeTarget(ref);
  if (spec.hostNetwork === true) throw refuse(`the pods of ${target} use their node's network (hostNetwork)`, 'their ports are the node\'s: bridging them would reach everything else on the node');
  const os = spec.os?.name ?? spec.nodeSelector?.['kubernetes.io/os'] ?? 'linux';
  if (os !== 'linux') throw refuse(`the pods of ${target} run on ${os}`, 'only Linux pods can be bridged');
  const behind = service === undefined || question.withoutPorts === true ? undefined : servicePorts(service, spec);
  const container = chooseContainer({ target, spec, annotations, wanted: question.container, servicePorts: behind?.containerPorts.map((port) => port.containerPort) });
  const podVolumes = spec.volumes ?? [];
  const [volumes, mountsToken] = [mountedVolumes(spec, container), spec.automountServiceAccountToken !== false];
  if (question.withoutPorts === true) return { ref, namespace, container, ports: [], volumes, podVolumes, mountsToken };
  // `--port http` may also be the name of one of the Service's ports.
  const declaring = behind === undefined ? container : { ...container, ports: [...(container.ports ?? []), ...behind.containerPorts] };
  const ports = behind !== undefined && question.ports.length === 0 ? behind.ports : choosePorts({ target, container: declaring, flags: question.ports });
  return { ref, namespace, container, volumes, podVolumes, mountsToken, ports: question.withRules === true ? portsForRules(ports, question.ports.length > 0) : ports };
}
