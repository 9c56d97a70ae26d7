/** JSON lines over a unix socket: reads requests, answers in any order, and never dies of what it reads. */
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { noRequestId, type ControlAnswer, type ControlMethod, type ControlMethods } from '../../../protocol/control.ts';
import type { Log } from '../log.ts';
import { ControlError } from './errors.ts';
import { envelope, paramSchemas } from './schemas.ts';

/** Longest line, bytes; a bridge of 256 forwards is about 25 kB, a bundle of a company's certificates can be more. */
const lineMaxBytes = 262_144;
/** How long a connection that sent more than that may go on sending. */
const deafMs = 1000;

/** One connection; lifelines hang on it. */
export interface Session {
  onEnd(handler: () => void): void;
}

export type Handlers = { [M in ControlMethod]: (params: ControlMethods[M]['params'], session: Session) => Promise<ControlMethods[M]['result']> };

function failure(error: unknown): { code: ControlError['code']; message: string } {
  if (error instanceof ControlError) return { code: error.code, message: error.message };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

async function handle<M extends ControlMethod>(handlers: Handlers, method: M, params: unknown, session: Session): Promise<ControlMethods[M]['result']> {
  const checked = paramSchemas[method].safeParse(params ?? {});
  if (!checked.success) {
    throw new ControlError('usage', `${method}: ${checked.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`);
  }
  return handlers[method](checked.data, session);
}

/** Exported for tests: one line in, one answer out. */
export async function answerLine(handlers: Handlers, line: string, session: Session): Promise<ControlAnswer> {
  let id = noRequestId;
  try {
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch {
      throw new ControlError('usage', 'not a line of JSON');
    }
    const given = (parsed as { id?: unknown } | null)?.id;
    if (typeof given === 'number' && Number.isSafeInteger(given)) id = given;
    const request = envelope.safeParse(parsed);
    if (!request.success) throw new ControlError('usage', 'a request has id, method and params');
    if (!Object.hasOwn(paramSchemas, request.data.method)) throw new ControlError('usage', `no method ${JSON.stringify(request.data.method.slice(0, 40))}`);
    return { id, result: await handle(handlers, request.data.method as ControlMethod, request.data.params, session) };
  } catch (error) {
    return { id, error: failure(error) };
  }
}

function serve(socket: Socket, handlers: Handlers, log: Log): void {
  const endHandlers: (() => void)[] = [];
  const session: Session = { onEnd: (handler) => endHandlers.push(handler) };
  const answer = (value: ControlAnswer): void => { if (socket.writable) socket.write(`${JSON.stringify(value)}\n`); };
  let pending = 0;
  let over = false;
  let deaf = false;
  let rest = '';

  function endWhenAnswered(): void {
    if (over && pending === 0) socket.end();
  }
  /** The CLI's side has ended: the session is over, but what it asked is still answered. */
  function finish(): void {
    if (over) return;
    over = true;
    for (const handler of endHandlers) handler();
    endWhenAnswered();
  }
  async function handleLine(line: string): Promise<void> {
    pending += 1;
    const value = await answerLine(handlers, line, session);
    if ('error' in value && value.error.code === 'internal') log('control-failed', { message: value.error.message });
    answer(value);
    pending -= 1;
    endWhenAnswered();
  }

  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    if (deaf) return;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > lineMaxBytes || lines.some((line) => line.length > lineMaxBytes)) {
      answer({ id: noRequestId, error: { code: 'usage', message: `a line is longer than ${lineMaxBytes} bytes` } });
      // The rest is read and dropped: a connection closed with unread data would take the answer along.
      deaf = true;
      socket.end();
      setTimeout(() => socket.destroy(), deafMs).unref();
      return;
    }
    for (const line of lines) if (line.trim() !== '') void handleLine(line);
  });
  socket.on('error', () => undefined);
  socket.on('end', finish);
  socket.on('close', finish);
}

export async function listen(path: string, handlers: Handlers, log: Log): Promise<Server> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, handlers, log));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return server;
}
