/** Which ports are bridged: those the container declares (or the Service names), or exactly those of `--port`. */
import type { BridgePort, Protocol } from '../../protocol/objects.ts';
import { BridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';
import type { ContainerPort, ContainerSpec, PodSpec, Service } from './kube-types.ts';

/** `--port none`: nothing is bridged, the container only gets the pod's identity. */
export const noPorts = 'none';

function fail(what: string, why: string | undefined, next: string, code = 'port-malformed'): BridgeError {
  return new BridgeError({ kind: 'usage', code, what, ...(why === undefined ? {} : { why }), next });
}

function toNumber(text: string, flag: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 65535) throw fail(`'${flag}' is no port`, text === '' ? 'a number is missing' : flag === text ? 'port numbers are 1 to 65535' : `${text} is no port number (1 to 65535)`, '--port POD[:CONTAINER][/udp]');
  return number;
}

function declared(container: ContainerSpec): string {
  const list = (container.ports ?? []).map((port) => `${port.name === undefined ? '' : `${port.name}=`}${port.containerPort}${port.protocol === 'UDP' ? '/udp' : ''}`);
  return list.length === 0 ? 'it declares none' : `it declares ${list.join(', ')}`;
}

/** `POD[:CONTAINER][/udp]`, POD a number or the name of a declared port. */
export function parsePort(flag: string, container: ContainerSpec): BridgePort {
  const [, spec = '', suffix] = /^(.*?)(?:\/([A-Za-z]+))?$/.exec(flag) ?? [];
  if (suffix !== undefined && !['tcp', 'udp'].includes(suffix.toLowerCase())) throw fail(`'${flag}' is no port`, `the protocol is tcp or udp, not ${suffix}`, '--port POD[:CONTAINER][/udp]');
  const [pod = '', local, ...more] = spec.split(':');
  if (more.length > 0) throw fail(`'${flag}' is no port`, 'it has more than one colon', '--port POD[:CONTAINER][/udp]');
  let protocol = suffix?.toUpperCase() as Protocol | undefined;
  let port: number;
  if (/[a-z]/i.test(pod)) {
    const named = (container.ports ?? []).find((candidate) => candidate.name === pod);
    const names = (container.ports ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]));
    if (named === undefined) throw fail(`container ${container.name} has no port named ${pod}`, declared(container), `--port ${suggest(pod, names) ?? names[0] ?? 'NUMBER'}`, 'port-not-found');
    port = named.containerPort;
    protocol ??= named.protocol === 'UDP' ? 'UDP' : 'TCP';
  } else {
    port = toNumber(pod, flag);
    protocol ??= onlyProtocol(container.ports ?? [], port) ?? 'TCP';
  }
  return { port, protocol, local: local === undefined ? port : toNumber(local, flag) };
}

/** A declared UDP port need not be called so again in `--port 53`. */
function onlyProtocol(ports: ContainerPort[], port: number): Protocol | undefined {
  const protocols = new Set(ports.filter((candidate) => candidate.containerPort === port).map((candidate) => candidate.protocol ?? 'TCP'));
  const [only] = protocols;
  return protocols.size === 1 && (only === 'UDP' || only === 'TCP') ? only : undefined;
}

export interface PortQuestion {
  /** For messages: `deployment api`. */
  target: string;
  container: ContainerSpec;
  /** `--port`, as given. */
  flags: string[];
}

function withoutDuplicates(ports: BridgePort[]): BridgePort[] {
  const seen = new Map<string, BridgePort>();
  for (const port of ports) {
    const key = `${port.port}/${port.protocol}`;
    const earlier = seen.get(key);
    if (earlier !== undefined && earlier.local !== port.local) {
      throw fail(`port ${port.port} is to go to two ports of the container, ${earlier.local} and ${port.local}`, undefined, `--port ${port.port}:${earlier.local}`);
    }
    seen.set(key, port);
  }
  return [...seen.values()];
}

/** Ports of `--port`, else the declared ones. */
export function choosePorts({ target, container, flags }: PortQuestion): BridgePort[] {
  if (flags.length === 1 && flags[0] === noPorts) return [];
  if (flags.length > 0) return withoutDuplicates(flags.map((flag) => parsePort(flag, container)));
  const ports = (container.ports ?? []).filter((port) => port.protocol !== 'SCTP');
  if (ports.length === 0) {
    throw fail(
      `container ${container.name} of ${target} declares no ports`, (container.ports ?? []).length > 0 ? 'it declares SCTP only, which cannot be bridged' : 'so it is not known which one to bridge',
      `--port 8080 (or --port ${noPorts}, when nothing listens there)`, 'no-ports',
    );
  }
  return withoutDuplicates(ports.map(({ containerPort, protocol }) => ({ port: containerPort, protocol: protocol === 'UDP' ? 'UDP' : 'TCP', local: containerPort })));
}

/** Rules see HTTP only: UDP ports that were merely declared are left out, one that was asked for is a mistake to tell. */
export function portsForRules(ports: BridgePort[], askedFor: boolean): BridgePort[] {
  const tcp = ports.filter(({ protocol }) => protocol === 'TCP');
  const udp = ports.find(({ protocol }) => protocol === 'UDP');
  if (udp !== undefined && (askedFor || tcp.length === 0)) {
    throw fail(`rules cannot choose among the datagrams of UDP port ${udp.port}`, 'rules match HTTP requests; UDP is bridged whole or not at all', 'bridge run without rules, or leave the UDP port out with --port', 'port-without-rules');
  }
  return tcp;
}

/** The pod ports behind a Service: target ports by number or by name, of whichever container declares it. */
export function servicePorts(service: Service, spec: PodSpec): { ports: BridgePort[]; containerPorts: ContainerPort[] } {
  const all = [...spec.containers, ...(spec.initContainers ?? [])].flatMap((container) => container.ports ?? []);
  const found = (service.spec.ports ?? []).filter((port) => port.protocol !== 'SCTP').map((port) => {
    const protocol: Protocol = port.protocol === 'UDP' ? 'UDP' : 'TCP';
    const wanted = port.targetPort ?? port.port;
    if (typeof wanted === 'number') return { name: port.name, containerPort: wanted, protocol };
    const named = all.find((candidate) => candidate.name === wanted && (candidate.protocol ?? 'TCP') === protocol);
    if (named === undefined) {
      throw fail(`service ${service.metadata.name} sends port ${port.port} to '${wanted}', which no container of its pods declares`, undefined, `--port NUMBER`, 'port-not-found');
    }
    return { name: wanted, containerPort: named.containerPort, protocol };
  });
  return { ports: withoutDuplicates(found.map(({ containerPort, protocol }) => ({ port: containerPort, protocol, local: containerPort }))), containerPorts: found };
}
