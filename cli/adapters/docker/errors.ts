/**
 * Docker's errors in our words. Daemons tell most things only in text, so texts are matched here, each quoted from the
 * daemon's source (moby 20.10 to 28), and nowhere else.
 */
import { BridgeError, isBridgeError, type ErrorFacts } from '../../errors.ts';
import type { DockerEndpoint } from './docker.ts';

interface ForeignError {
  statusCode?: number;
  code?: string;
  message?: string;
  json?: { message?: string };
}

/** The daemon's own sentence, without dockerode's "(HTTP code 500) server error - ". */
export function daemonMessage(error: unknown): string {
  const { json, message } = error as ForeignError;
  return (json?.message ?? message ?? String(error)).replace(/^\(HTTP code \d+\) [a-z -]+ - /, '').trim();
}

export function statusOf(error: unknown): number | undefined {
  return (error as ForeignError | undefined)?.statusCode;
}

const connectionCodes = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'EPIPE', 'ENETUNREACH', 'ERR_SOCKET_CLOSED']);

type Converter = (message: string, status: number | undefined) => ErrorFacts | undefined;

/** `what` for each situation; the first that fits. */
const converters: Converter[] = [
  // "No such image: NAME", "pull access denied for", "manifest unknown"
  (text) => (/no such image/i.test(text) ? { kind: 'environment', code: 'image-not-found', what: `Docker has no image ${/no such image: *([^\s]*[^\s:])/i.exec(text)?.[1] ?? 'of that name'}`, next: 'docker images' } : undefined),
  // "container is marked for removal and cannot be started"
  (text) => (/no such container|is not running$|is marked for removal/i.test(text) ? { kind: 'environment', code: 'container-not-found', what: lower(text), next: 'bridge list' } : undefined),
  // "network NAME not found", "No such network: NAME"
  (text) => (/network \S+ not found|no such network/i.test(text) ? { kind: 'environment', code: 'network-not-found', what: lower(text), next: 'docker network ls' } : undefined),
  // "Conflict. The container name "/x" is already in use by container", "network with name x already exists"
  (text) => {
    const name = /name "?\/?([^"\s]+)"? (?:is already in use|already exists)/i.exec(text)?.[1];
    return name === undefined ? undefined : { kind: 'refused', code: 'name-conflict', what: `the name ${name} is taken in Docker`, why: 'another container or network has it', next: `docker ps --all --filter name=${name}` };
  },
  // "Bind for 0.0.0.0:8080 failed: port is already allocated", "listen tcp4 0.0.0.0:80: bind: address already in use", Desktop: "Ports are not available"
  (text) => {
    if (!/port is already allocated|bind: address already in use|ports are not available/i.test(text)) return undefined;
    const where = /(?:Bind for |listen (?:tcp|udp)[46]? )(\S+?):? (?:failed|bind)/i.exec(text)?.[1];
    return { kind: 'environment', code: 'port-in-use', what: `the host's port ${where ?? 'that was asked for'} is in use`, why: 'another program or container listens there', next: 'publish another one: -p OTHER:PORT' };
  },
  // "Address already in use" (IPAM: the container address)
  (text) => (/address already in use/i.test(text) ? { kind: 'environment', code: 'address-in-use', what: 'the container address is taken in its Docker network' } : undefined),
  // "Pool overlaps with other one on this address space", "cannot create network ... conflicts with network ...: networks have overlapping IPv4"
  (text) => (/pool overlaps with other one|have overlapping ipv4/i.test(text) ? { kind: 'environment', code: 'network-overlap', what: 'the subnet overlaps with another Docker network', next: 'docker network ls' } : undefined),
  // "exec: "x": executable file not found in $PATH", "stat /x: no such file or directory: unknown", "permission denied: unknown"
  (text) => {
    if (!/executable file not found|exec: "[^"]*": (?:stat .*no such file|permission denied|is a directory)|exec format error/i.test(text)) return undefined;
    const command = /exec: "([^"]*)"/.exec(text)?.[1];
    return { kind: 'usage', code: 'command-not-found', what: `the container cannot run ${command ?? 'its command'}`, why: /exec format error/i.test(text) ? 'it is built for another architecture' : 'the image has no such program', next: 'give another command after --, or --entrypoint' };
  },
  // "unable to find user x: no matching entries in passwd file", "unable to find group x: ..."
  (text) => {
    const [, kind, name] = /unable to find (user|group) ([^\s:]+): no matching entries/i.exec(text) ?? [];
    return kind === undefined ? undefined : { kind: 'usage', code: 'user-unknown', what: `the image has no ${kind} ${name}`, why: `its /etc/${kind === 'user' ? 'passwd' : 'group'} does not name it`, next: 'a number needs no name: --user 1000:1000' };
  },
  // "invalid mount config for type "bind": bind source path does not exist", "mounts denied", "invalid volume specification"
  (text) => (/invalid mount config|bind source path does not exist|mounts denied|invalid volume specification|path .* is not shared from the host/i.test(text)
    ? { kind: 'usage', code: 'mount-refused', what: 'Docker refuses a mount', why: lower(text), next: 'check the -v flags' } : undefined),
  (text, status) => (status === 403 || /permission denied/i.test(text) && status === undefined ? { kind: 'environment', code: 'docker-denied', what: 'Docker refuses', why: lower(text), next: 'docker info' } : undefined),
];

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '');
}

export function dockerUnreachable(endpoint: DockerEndpoint, cause: unknown): BridgeError {
  const denied = (cause as ForeignError).code === 'EACCES' || (cause as ForeignError).code === 'EPERM';
  return new BridgeError({
    kind: 'environment', code: denied ? 'docker-denied' : 'docker-unreachable',
    what: denied ? `no permission to use Docker at ${endpoint.url}` : `Docker cannot be reached at ${endpoint.url} (${endpoint.source})`,
    why: denied ? 'this user is not in the docker group' : 'it is not installed, not running, or another context is meant',
    next: denied ? 'sudo usermod -aG docker $USER  (then log in again)' : 'docker info', detail: daemonMessage(cause), cause,
  });
}

export function convertError(endpoint: DockerEndpoint, error: unknown, doing: string): BridgeError {
  if (isBridgeError(error)) return error;
  const { code } = error as ForeignError;
  const status = statusOf(error);
  if (status === undefined && code !== undefined && (connectionCodes.has(code) || code === 'EACCES' || code === 'EPERM')) return dockerUnreachable(endpoint, error);
  const message = daemonMessage(error);
  for (const converter of converters) {
    const facts = converter(message, status);
    if (facts !== undefined) return new BridgeError({ detail: message, ...facts, cause: error });
  }
  return new BridgeError({ kind: 'environment', code: 'docker-error', what: `Docker could not ${doing}`, why: lower(message), next: 'docker info', detail: message, cause: error });
}

export function isStatus(error: unknown, ...statuses: number[]): boolean {
  const status = statusOf(error);
  return status !== undefined && statuses.includes(status);
}
