/** A process of HAProxy from its start until it has nothing left to do. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from './child.ts';
import { startHaproxy, type StartOptions } from './haproxy.ts';
import { HaproxySocket } from './haproxy-socket.ts';

/** A new process that says nothing for so long will not come. */
const startDeadlineMs = 10_000;
const startPollMs = 3;
const linesKept = 20;

export interface HaproxyProcess {
  readonly child: Child;
  /** Opened while the process was new: a replaced one accepts no further connections. */
  readonly api: HaproxySocket;
  /** What it said last, without lines of JSON, which its configuration makes it write. */
  readonly said: () => string;
}

export interface ListenOptions extends StartOptions {
  /** Its runtime socket, as the configuration says. */
  socket: string;
}

/** Resolves when it accepts connections. @throws Error with what it said when it ends instead, or does not answer; then it is killed */
export async function startListening({ socket, onLine, ...start }: ListenOptions): Promise<HaproxyProcess> {
  const output: string[] = [];
  const child = startHaproxy({
    ...start, onLine: (line) => {
      if (!line.startsWith('{')) output.push(line);
      if (output.length > linesKept) output.shift();
      onLine(line);
    },
  });
  const said = (): string => output.join('\n');
  let ended: string | undefined;
  void child.ended.then((words) => { ended ??= words; });
  // One that hangs may have opened its socket, and be asked for ever.
  const deadline = setTimeout(() => {
    ended = `haproxy did not answer at its runtime socket within ${startDeadlineMs} ms`;
    child.kill('SIGKILL');
  }, startDeadlineMs);
  try {
    for (; ; await delay(startPollMs)) {
      if (ended !== undefined) throw new Error(`${ended}: ${said()}`);
      const api = await HaproxySocket.open(socket).catch(() => undefined);
      if (api !== undefined) return { child, api, said };
    }
  } finally {
    clearTimeout(deadline);
  }
}

/** Clients' connections; undefined when it does not answer: it may have some all the same. */
export async function openConnections({ api }: Pick<HaproxyProcess, 'api'>): Promise<number | undefined> {
  return await api.ask('show info').then(connectionsIn, () => undefined);
}

/** Ours to the runtime API is not among them. @param info answer to `show info` */
export function connectionsIn(info: string): number {
  return Number(/^CurrConns: (\d+)/m.exec(info)?.[1] ?? 0);
}

/** Ends a replaced process that has no connection left, or was replaced longer ago than `limitMs`. Returns whether it was told to end. */
export async function endWhenIdle(process: Pick<HaproxyProcess, 'api' | 'child'>, replacedForMs: number, limitMs: number): Promise<boolean> {
  const over = await openConnections(process) === 0 || replacedForMs > limitMs;
  if (over) process.child.kill('SIGTERM');
  return over;
}
