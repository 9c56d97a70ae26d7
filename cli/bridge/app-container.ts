/** The app's container as Docker is to make it: the user's flags, the pod's identity, the link's network. */
import { podLoopback } from '../../protocol/egress.ts';
import { labels, managedBy } from '../../protocol/names.ts';
import type { Identity } from '../../protocol/identity.ts';
import type { ContainerSpec as DockerContainer, ImageInfo, PortPublish } from '../adapters/docker/index.ts';
import type { ContainerSpec as PodContainer } from '../target/kube-types.ts';
import { version } from '../version.ts';
import type { EnvFilter } from './env-filter.ts';
import { shapeOfPod } from './as-pod.ts';
import { loopbackLabel } from './loopback.ts';
import { declaredBy, mergeEnv, type EnvEntry } from './merge-env.ts';

/** What the user's flags say about the container. */
export interface ContainerFlags {
  image: string;
  name: string;
  env: EnvEntry[];
  /** `--env-only`, `--env-except`. */
  envFilter?: EnvFilter;
  /** As docker wants them: absolute sources. */
  binds: string[];
  publish: PortPublish[];
  workdir?: string;
  user?: string;
  entrypoint?: string;
  /** `--as-pod`: also user, directory, program, hostname, limits and confinement of the pod's container. */
  asPod?: boolean;
  /** `--egress pod`: its connections come from a pod, whose loopback has a name. */
  egress?: 'hub' | 'pod';
  /** Where the app listens itself. */
  ownPorts?: number[];
  /** `--limits`: only its limits. */
  limits?: boolean;
  interactive: boolean;
  tty: boolean;
  remove: boolean;
  detach: boolean;
  retain: boolean;
  command: string[];
}

/** Where the container stands. */
export interface ContainerPlace {
  network: string;
  /** Absent: one that Docker chooses. */
  address?: string;
  /** Cargo's address in that network, which answers DNS. */
  dns: string;
  /** The cluster's domain, `cluster.local`. */
  domain: string;
  /** Name of the Client. */
  client: string;
  namespace: string;
  owner: string;
  /** `<machine>/<pid>` of this process. */
  session: string;
  /** Processors of the machine that Docker runs on; asked for only where limits are taken over. */
  cpus?: number;
}

export interface ContainerOrigin {
  bridge: string;
  bridgeUid: string;
  identity: Identity;
  podContainer: PodContainer;
}

/** Above any other network's: the default route of the container leads through cargo (Docker API 1.48 on; older ones go by the network's name). */
const gatewayPriority = 1000;

/** As kubelet writes it for pods with dnsPolicy ClusterFirst. */
function podDns(namespace: string, domain: string): { search: string[]; options: string[] } {
  return { search: [`${namespace}.svc.${domain}`, `svc.${domain}`, domain], options: ['ndots:5'] };
}

export function appContainer(flags: ContainerFlags, image: ImageInfo, place: ContainerPlace, origin: ContainerOrigin | undefined): DockerContainer {
  const identity = origin?.identity;
  const dns = identity === undefined ? podDns(place.namespace, place.domain) : { search: identity.resolv.search, options: identity.resolv.options };
  return {
    name: flags.name,
    image: flags.image,
    labels: {
      [labels.managedBy]: managedBy, [labels.role]: 'app', [labels.link]: place.client, [labels.namespace]: place.namespace, [labels.owner]: place.owner, [labels.version]: version,
      ...(origin === undefined ? {} : { [labels.bridge]: origin.bridge, [labels.bridgeUid]: origin.bridgeUid }),
      ...(flags.egress === 'pod' && identity !== undefined ? loopbackLabel(identity.loopbackPorts, flags.ownPorts ?? []) : {}),
      ...(flags.retain ? { [labels.retain]: 'true' } : flags.detach ? {} : { [labels.session]: place.session }),
    },
    ...(flags.command.length === 0 ? {} : { command: flags.command }),
    // As docker does: an empty one takes the image's away.
    ...(flags.entrypoint === undefined ? {} : { entrypoint: [flags.entrypoint] }),
    env: mergeEnv({
      pod: identity?.env ?? [], image: image.env, own: flags.env,
      declared: declaredBy(origin?.podContainer), ...(flags.envFilter === undefined ? {} : { filter: flags.envFilter }),
    }),
    ...(flags.workdir === undefined ? {} : { workingDir: flags.workdir }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
    tty: flags.tty,
    openStdin: flags.interactive,
    networks: [{ network: place.network, ...(place.address === undefined ? {} : { ipv4Address: place.address }), gatewayPriority }],
    dns: { servers: [place.dns], ...dns },
    extraHosts: [
      ...(identity?.hosts ?? []).flatMap(({ ip, names }) => names.map((name) => `${name}:${ip}`)),
      ...(flags.egress === 'pod' ? [`${podLoopback.name}:${podLoopback.address}`] : []),
    ],
    binds: flags.binds,
    ports: flags.publish,
    // In the foreground the exit code is asked for before the container goes, so removal is ours.
    autoRemove: flags.remove && flags.detach,
    ...(origin === undefined ? {} : shapeOfPod(flags, origin, { cpus: place.cpus ?? Infinity })),
  };
}
