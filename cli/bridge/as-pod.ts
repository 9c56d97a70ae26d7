/** What `--as-pod` and `--limits` take over beyond environment, DNS and network, in Docker's words. The user's own flags win, each over its own part. */
import type { Identity } from '../../protocol/identity.ts';
import type { ContainerSpec as DockerContainer, DockerInfo } from '../adapters/docker/index.ts';
import type { ContainerSpec as PodContainer } from '../target/kube-types.ts';
import type { ContainerFlags } from './app-container.ts';

export interface PodShape {
  identity: Identity;
  podContainer: PodContainer;
}

type Shaped = Pick<DockerContainer, 'user' | 'groups' | 'workingDir' | 'command' | 'entrypoint' | 'hostname' | 'capAdd' | 'capDrop' | 'securityOptions' | 'readOnly' | 'memoryBytes' | 'memorySwapBytes' | 'nanoCpus'>;

/** Docker refuses less. */
const leastMemoryBytes = 6 * 2 ** 20;
const leastCpuMillis = 10;

/**
 * Kubernetes' `$(NAME)` in command and args: the variable's value if there is one, the words themselves if not; `$$` is one `$`.
 * (kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container)
 */
export function expandWords(words: readonly string[], env: Identity['env']): string[] {
  const values = new Map(env);
  return words.map((word) => word.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name?: string) => (name === undefined ? '$' : values.get(name) ?? whole)));
}

/** The pod's limits, as far as this machine has so much; Docker refuses more processors than there are. */
export function podLimits({ limits }: Identity, { cpus }: Pick<DockerInfo, 'cpus'>): Pick<Shaped, 'memoryBytes' | 'memorySwapBytes' | 'nanoCpus'> {
  const memory = limits.memoryBytes === undefined ? undefined : Math.max(Math.floor(limits.memoryBytes), leastMemoryBytes);
  const millis = limits.cpuMillis === undefined ? undefined : Math.max(Math.min(limits.cpuMillis, cpus * 1000), leastCpuMillis);
  return {
    // Pods have no swap: the same number means that the container has none either.
    ...(memory === undefined ? {} : { memoryBytes: memory, memorySwapBytes: memory }),
    ...(millis === undefined ? {} : { nanoCpus: millis * 1e6 }),
  };
}

/** Entrypoint and command of the pod's container over those of the local image: `command` takes the image's CMD away too, `args` alone keeps its ENTRYPOINT. */
function program({ command, args }: PodContainer, env: Identity['env']): Pick<Shaped, 'entrypoint' | 'command'> {
  return {
    ...(command === undefined || command.length === 0 ? {} : { entrypoint: expandWords(command, env) }),
    ...(args === undefined || args.length === 0 ? {} : { command: expandWords(args, env) }),
  };
}

function user({ user: { uid, gid, groups } }: Identity): Pick<Shaped, 'user' | 'groups'> {
  const others = groups.filter((group) => group !== gid).map(String);
  return { user: `${uid}:${gid}`, ...(others.length === 0 ? {} : { groups: others }) };
}

function confinement({ securityContext = {} }: PodContainer): Pick<Shaped, 'capAdd' | 'capDrop' | 'securityOptions' | 'readOnly'> {
  const { capabilities: { add = [], drop = [] } = {}, allowPrivilegeEscalation, readOnlyRootFilesystem } = securityContext;
  return {
    ...(add.length === 0 ? {} : { capAdd: add }), ...(drop.length === 0 ? {} : { capDrop: drop }),
    ...(allowPrivilegeEscalation === false ? { securityOptions: ['no-new-privileges'] } : {}), ...(readOnlyRootFilesystem === true ? { readOnly: true } : {}),
  };
}

/** @param cpus of the machine that Docker runs on */
export function shapeOfPod(flags: Pick<ContainerFlags, 'asPod' | 'limits' | 'user' | 'workdir' | 'entrypoint' | 'command'>, shape: PodShape, machine: Pick<DockerInfo, 'cpus'>): Shaped {
  const { identity, podContainer } = shape;
  const limits = flags.asPod === true || flags.limits === true ? podLimits(identity, machine) : {};
  if (flags.asPod !== true) return limits;
  // Another program is meant: neither half of the pod's fits it.
  const ownProgram = flags.entrypoint !== undefined || flags.command.length > 0;
  return {
    ...limits,
    ...(flags.user === undefined ? user(identity) : {}),
    ...(flags.workdir === undefined ? { workingDir: podContainer.workingDir ?? identity.workingDir } : {}),
    ...(ownProgram ? {} : program(podContainer, identity.env)),
    hostname: identity.hostname,
    ...confinement(podContainer),
  };
}

/** What the pod has and the container does not get, for people. */
export function shapeWarnings(flags: Pick<ContainerFlags, 'asPod' | 'limits'>, { identity, podContainer }: PodShape, { cpus }: Pick<DockerInfo, 'cpus'>): { code: string; text: string }[] {
  const limited = flags.asPod === true || flags.limits === true;
  if (!limited) return [];
  const { cpuMillis, memoryBytes } = identity.limits;
  return [
    ...(cpuMillis !== undefined && cpuMillis > cpus * 1000 ? [{ code: 'fewer-cpus', text: `the pod may use ${cpuMillis / 1000} processors, Docker here has ${cpus}: the container may use those` }] : []),
    ...(flags.limits === true && cpuMillis === undefined && memoryBytes === undefined ? [{ code: 'no-limits', text: `container ${podContainer.name} of the pod has no limits, so this one has none` }] : []),
    ...(flags.asPod === true && podContainer.securityContext?.privileged === true ? [{ code: 'not-privileged', text: 'the pod is privileged; the container is not, because that would give it this machine' }] : []),
  ];
}
