/** Which TCP ports are taken in a network namespace, and one that is not. */

/** Free ports are looked for here: below the ephemeral range (32768), away from the meshes' 15000-15099 and from what applications like. */
const listenRange = { first: 17_000, last: 18_999 } as const;

/** @param table content of /proc/PID/net/tcp or tcp6: local ports of listening sockets (state 0A) */
export function listeningPorts(table: string): number[] {
  return table.split('\n').slice(1).flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    return state === '0A' ? [Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)] : [];
  });
}

/** @throws Error when everything is taken, which needs 2000 listeners */
export function freePort(taken: ReadonlySet<number>): number {
  for (let port = listenRange.first; port <= listenRange.last; port++) if (!taken.has(port)) return port;
  throw new Error(`no free port between ${listenRange.first} and ${listenRange.last} in the pod`);
}
