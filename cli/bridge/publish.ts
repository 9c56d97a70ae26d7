/** `-p` as docker takes it: `[[HOST_IP:][HOST_PORT]:]CONTAINER_PORT[/tcp|udp]`, each port also a range of the same length. */
import type { PortPublish } from '../adapters/docker/index.ts';
import { BridgeError } from '../errors.ts';

function fail(flag: string, why: string): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'publish-malformed', what: `-p '${flag}' is no port to publish`, why, next: '-p [HOST_IP:]HOST_PORT:CONTAINER_PORT[/udp]' });
}

function range(flag: string, text: string): number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null || first < 1 || last > 65535 || last < first) throw fail(flag, `'${text}' is neither a port nor a range of ports`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** `--debug`: `[HOST_PORT:]CONTAINER_PORT`. Whoever reaches a debugger runs what he likes, so it is for this machine alone. */
export function parseDebug(flag: string): PortPublish[] {
  const [, host, port = ''] = /^(?:(\d+):)?(\d+)$/.exec(flag) ?? [];
  if (port === '') throw new BridgeError({ kind: 'usage', code: 'publish-malformed', what: `--debug '${flag}' is no port of a debugger`, why: 'it is a port, or HOST_PORT:PORT', next: '--debug 9229' });
  return parsePublish(`127.0.0.1:${host ?? port}:${port}`);
}

export function parsePublish(flag: string): PortPublish[] {
  const [, address = '', protocol = 'tcp'] = /^(.*?)(?:\/([a-z]+))?$/i.exec(flag) ?? [];
  const lower = protocol.toLowerCase();
  if (lower !== 'tcp' && lower !== 'udp') throw fail(flag, `the protocol is tcp or udp, not ${protocol}`);
  const match = /^(?:(?:(\[[^\]]+\]|[^:]*):)?([^:]*):)?([^:]+)$/.exec(address);
  if (match === null) throw fail(flag, 'there is no container port in it');
  const [, hostIp, hostText, containerText = ''] = match;
  const containerPorts = range(flag, containerText);
  const hostPorts = hostText === undefined || hostText === '' ? undefined : range(flag, hostText);
  if (hostPorts !== undefined && hostPorts.length !== containerPorts.length) throw fail(flag, 'the two ranges have different lengths');
  const ip = hostIp === undefined || hostIp === '' ? undefined : hostIp.replace(/^\[|\]$/g, '');
  return containerPorts.map((containerPort, index) => ({
    containerPort, protocol: lower, ...(ip === undefined ? {} : { hostIp: ip }), ...(hostPorts === undefined ? {} : { hostPort: hostPorts[index]! }),
  }));
}
