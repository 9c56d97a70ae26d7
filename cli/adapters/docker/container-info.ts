/** Docker's descriptions of containers in our words. */
import type Dockerode from 'dockerode';
import type { ContainerInfo, ContainerState, ContainerSummary, ContainerUsage, PortPublish } from './docker.ts';

const empty = (address: string | undefined): string | undefined => (address === undefined || address === '' ? undefined : address);

function addressesOf(networks: Record<string, { IPAddress?: string }>): Record<string, string> {
  return Object.fromEntries(Object.entries(networks).flatMap(([name, { IPAddress }]) => (empty(IPAddress) === undefined ? [] : [[name, IPAddress as string]])));
}

/** Docker keeps the id, whatever name was given. */
function networkOf(raw: Dockerode.ContainerInfo): Pick<ContainerSummary, 'networkOf'> {
  const [, id] = /^container:(.+)$/.exec(raw.HostConfig?.NetworkMode ?? '') ?? [];
  return id === undefined ? {} : { networkOf: id };
}

export function summary(raw: Dockerode.ContainerInfo): ContainerSummary {
  return {
    id: raw.Id, name: (raw.Names[0] ?? '').replace(/^\//, ''), image: raw.Image, imageId: raw.ImageID, labels: raw.Labels ?? {},
    state: raw.State as ContainerState, addresses: addressesOf(raw.NetworkSettings?.Networks ?? {}),
    ports: (raw.Ports ?? []).filter(({ PublicPort }) => PublicPort !== undefined).map(({ IP, PrivatePort, PublicPort, Type }) => ({ containerPort: PrivatePort, protocol: Type === 'udp' ? 'udp' : 'tcp', hostIp: IP, hostPort: PublicPort })),
    ...networkOf(raw),
  };
}

/** Page cache that is not in use: cgroup v1 and v2 name it differently. */
export function usage(raw: Dockerode.ContainerStats): ContainerUsage {
  const stats = (raw.memory_stats.stats ?? {}) as unknown as Record<string, number | undefined>;
  const reclaimable = stats.total_inactive_file ?? stats.inactive_file ?? 0;
  return { cpuNs: raw.cpu_stats.cpu_usage?.total_usage ?? 0, memoryBytes: Math.max(0, (raw.memory_stats.usage ?? 0) - reclaimable) };
}

export function details(raw: Dockerode.ContainerInspectInfo): ContainerInfo {
  const networks = raw.NetworkSettings.Networks ?? {};
  const ports = Object.entries(raw.NetworkSettings.Ports ?? {}).flatMap(([key, bindings]): PortPublish[] => {
    const [port = '', protocol] = key.split('/');
    return (bindings ?? []).map(({ HostIp, HostPort }) => ({ containerPort: Number(port), protocol: protocol === 'udp' ? 'udp' : 'tcp', hostIp: HostIp, hostPort: Number(HostPort) }));
  });
  return {
    id: raw.Id, name: raw.Name.replace(/^\//, ''), image: raw.Config.Image, imageId: raw.Image, labels: raw.Config.Labels ?? {},
    state: raw.State.Status as ContainerState, running: raw.State.Running, startedAt: raw.State.StartedAt, exitCode: raw.State.ExitCode, finishedAt: raw.State.FinishedAt, outOfMemory: raw.State.OOMKilled, error: raw.State.Error, tty: raw.Config.Tty,
    addresses: addressesOf(networks),
    networks: Object.fromEntries(Object.entries(networks).map(([name, { NetworkID, IPAddress, IPAMConfig }]) => [name, {
      id: NetworkID, requested: empty((IPAMConfig as { IPv4Address?: string } | null)?.IPv4Address), ipv4Address: empty(IPAddress),
    }])),
    ports,
  };
}
