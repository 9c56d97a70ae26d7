/** Our description of a container in the words of Docker's API. */
import type { ContainerCreateOptions, EndpointSettings } from 'dockerode';
import type { ContainerSpec, NetworkAttachment } from './docker.ts';

/** First API version that knows GwPriority; older daemons ignore unknown fields. */
export function endpointSettings({ ipv4Address, aliases, macAddress, gatewayPriority }: Omit<NetworkAttachment, 'network'>): EndpointSettings {
  return {
    ...(ipv4Address === undefined ? {} : { IPAMConfig: { IPv4Address: ipv4Address } }),
    ...(aliases === undefined ? {} : { Aliases: aliases }),
    ...(macAddress === undefined ? {} : { MacAddress: macAddress }),
    ...(gatewayPriority === undefined ? {} : { GwPriority: gatewayPriority }),
  };
}

function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

export function createOptions(spec: ContainerSpec): ContainerCreateOptions {
  const [first] = spec.networks ?? [];
  const ports = spec.ports ?? [];
  const key = ({ containerPort, protocol }: { containerPort: number; protocol: string }): string => `${containerPort}/${protocol}`;
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) (bindings[key(port)] ??= []).push({ HostIp: port.hostIp ?? '', HostPort: port.hostPort === undefined ? '' : String(port.hostPort) });
  return defined({
    name: spec.name,
    Image: spec.image,
    Labels: spec.labels,
    Cmd: spec.command,
    Entrypoint: spec.entrypoint,
    Env: spec.env,
    WorkingDir: spec.workingDir,
    User: spec.user,
    Hostname: spec.hostname,
    // Where daemons before API 1.44 look for it; both may be given if they are equal.
    MacAddress: first?.macAddress,
    Tty: spec.tty ?? false,
    OpenStdin: spec.openStdin ?? false,
    StdinOnce: spec.openStdin ?? false,
    ExposedPorts: Object.fromEntries(ports.map((port) => [key(port), {}])),
    NetworkingConfig: first === undefined ? undefined : { EndpointsConfig: { [first.network]: endpointSettings(first) } },
    HostConfig: defined({
      NetworkMode: spec.networkOf === undefined ? first?.network : `container:${spec.networkOf}`,
      Dns: spec.dns?.servers,
      DnsSearch: spec.dns?.search,
      DnsOptions: spec.dns?.options,
      ExtraHosts: spec.extraHosts,
      GroupAdd: spec.groups,
      Binds: spec.binds,
      PortBindings: bindings,
      CapDrop: spec.capDrop,
      CapAdd: spec.capAdd,
      Devices: spec.devices?.map((path) => ({ PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rwm' })),
      Sysctls: spec.sysctls,
      PidsLimit: spec.pidsLimit,
      Memory: spec.memoryBytes,
      MemorySwap: spec.memorySwapBytes,
      NanoCpus: spec.nanoCpus,
      CpuShares: spec.cpuShares,
      RestartPolicy: spec.restart === undefined ? undefined : { Name: spec.restart },
      AutoRemove: spec.autoRemove,
      ReadonlyRootfs: spec.readOnly,
      SecurityOpt: spec.securityOptions,
    }),
  });
}
