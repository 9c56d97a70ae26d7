/** Which TCP ports are taken in a network namespace, and one that is not. */

/** Free ports are looked for here: below the ephemeral range (32768), away from the meshes' 15000-15099 and from what applications like. */
const listenRange = { first: 17_000, last: 18_999 } as const;
const lowestPort = 1024;

/** @param table content of /proc/PID/net/tcp or tcp6: local ports of listening sockets (state 0A) */
export function listeningPorts(table: string): number[] {
  return localPorts(table, (state) => state === '0A');
}

/** Of all sockets, whatever they do: an outgoing connection has a port as well, and any one if the pod's `ip_local_port_range` says so. @param table as above */
export function takenPorts(table: string): number[] {
  return localPorts(table, () => true);
}

function localPorts(table: string, counts: (state: string) => boolean): number[] {
  return table.split('\n').slice(1).flatMap((line) => {
    const [, local = '', , state = ''] = line.trim().split(/\s+/);
    return state !== '' && counts(state) ? [Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)] : [];
  });
}

/** The others are looked at only when all of those are taken. @throws Error when there is none */
export function freePort(taken: ReadonlySet<number>): number {
  for (let port = listenRange.first; port <= listenRange.last; port++) if (!taken.has(port)) return port;
  for (let port = lowestPort; port < listenRange.first; port++) if (!taken.has(port)) return port;
  throw new Error(`no port from ${lowestPort} to ${listenRange.last} is free in the pod`);
}
