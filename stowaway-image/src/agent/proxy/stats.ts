/** What HAProxy tells about servers and sessions (management guide 9.1 and "show sess"). */
import { isHubPortName } from './hub-port.ts';

/** Servers only, of all proxies. */
export const serverStatsCommand = 'show stat -1 4 -1';

export interface ServerStat {
  backend: string;
  server: string;
  /** Takes requests. */
  up: boolean;
  /** Down, and the last check was answered with a refusal: not only silent. */
  refused: boolean;
  sessions: number;
  /** Requests, or connections in TCP mode, since the process began; tries that were given to another server included. */
  total: number;
  redispatched: number;
  /** Ended without an answer. */
  failed: number;
  /** Checks that failed while it was up, since the process began. */
  failedChecks: number;
}

/** @param csv answer to {@link serverStatsCommand} */
export function parseServerStats(csv: string): ServerStat[] {
  const [head = '', ...lines] = csv.split('\n');
  const columns = head.replace(/^# /, '').split(',');
  const [backend, server, status, sessions, total, connectErrors, responseErrors, redispatched, failedChecks, check] = ['pxname', 'svname', 'status', 'scur', 'stot', 'econ', 'eresp', 'wredis', 'chkfail', 'check_status'].map((name) => columns.indexOf(name));
  return lines.filter((line) => line !== '').map((line) => {
    const cells = line.split(',');
    const cell = (index: number | undefined): string => cells[index ?? -1] ?? '';
    // `UP`, `UP 1/3`, `no check`; not `DOWN`, `DOWN 1/2`, `MAINT`, `MAINT (via ...)`, `DRAIN`.
    const up = /^UP|^no check/.test(cell(status));
    return {
      // `* L4CON` while the next check is under way.
      backend: cell(backend), server: cell(server), up, refused: !up && cell(check).endsWith('L4CON'), sessions: Number(cell(sessions)),
      total: Number(cell(total)), redispatched: Number(cell(redispatched)), failed: Number(cell(connectErrors)) + Number(cell(responseErrors)), failedChecks: Number(cell(failedChecks)),
    };
  });
}

/** Hub ports whose server accepts connections. */
export function servingHubPorts(stats: readonly ServerStat[]): Set<string> {
  return new Set(stats.filter(({ backend, up }) => up && isHubPortName(backend)).map(({ backend }) => backend));
}

/** Hub ports that refuse connections. */
export function refusingHubPorts(stats: readonly ServerStat[]): Set<string> {
  return new Set(stats.filter(({ backend, refused }) => refused && isHubPortName(backend)).map(({ backend }) => backend));
}

/** Open streams from one frontend towards one hub port; and with `originals` those that the pod's own process has by way of us, too. */
export function sessionsTo(frontend: string, hubPort: number, stats: readonly ServerStat[], { originals = false } = {}): number {
  const counts = ({ backend, server }: ServerStat): boolean => (server === 'bridge' && backend.endsWith(`_${frontend}_${hubPort}`))
    || (originals && server.startsWith('orig') && (backend.endsWith(`_${frontend}_${hubPort}`) || backend.endsWith(`_${frontend}`)));
  return stats.reduce((sum, stat) => sum + (counts(stat) ? stat.sessions : 0), 0);
}

export interface Session {
  /** HAProxy's name for it, for `shutdown session`. */
  id: string;
  frontend: string;
  backend: string;
  server: string;
  /** `address:port` of the client. */
  source: string;
}

/** @param text answer to `show sess` */
export function parseSessions(text: string): Session[] {
  return text.split('\n').flatMap((line) => {
    const id = /^(0x[0-9a-f]+):/.exec(line)?.[1];
    const word = (name: string): string => new RegExp(`\\b${name}=(\\S+)`).exec(line)?.[1] ?? '';
    return id === undefined ? [] : [{ id, frontend: word('fe'), backend: word('be'), server: word('srv'), source: word('src') }];
  });
}

/** What one session has got from its client, as the kernel counts it too (`bytes_received`). @param text answer to `show sess <id>`; undefined: it is over */
export function receivedBytes(text: string): number | undefined {
  // The first channel is the request's.
  const bytes = /\btotal=(\d+)/.exec(text)?.[1];
  return bytes === undefined ? undefined : Number(bytes);
}
