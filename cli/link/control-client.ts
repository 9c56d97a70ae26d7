/** Speaks with cargo over `docker exec`: JSON lines in both directions, one connection for many requests. */
import { controlSocket, type ControlAnswer, type ControlErrorCode, type ControlMethod, type ControlMethods } from '../../protocol/control.ts';
import type { Docker, ExecStream } from '../adapters/docker/index.ts';
import { BridgeError, type ErrorKind } from '../errors.ts';
import { timing } from '../timing.ts';
import { cargoName } from './link-name.ts';

export interface Control {
  /** Throws BridgeError: cargo-gone, cargo-silent, cargo-usage, cargo-unreachable, cargo-refused, cargo-internal. */
  call<M extends ControlMethod>(method: M, params: ControlMethods[M]['params'], timeoutMs?: number): Promise<ControlMethods[M]['result']>;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly ended: Promise<void>;
  close(): void;
}

/** cargo opens its socket a moment after the container has started. */
const connectRetries = 200;
const connectIntervalS = 0.03;

const kinds: Record<ControlErrorCode, ErrorKind> = { usage: 'defect', unreachable: 'environment', refused: 'environment', internal: 'defect' };

function cargoError(code: ControlErrorCode, message: string, method: string, container: string): BridgeError {
  return new BridgeError({
    kind: kinds[code], code: `cargo-${code}`, what: `the link's container could not do '${method}'`, why: message, next: `docker logs ${container}`,
  });
}

export function connectionGone(detail: string): BridgeError {
  return new BridgeError({
    kind: 'environment', code: 'cargo-gone', what: 'the connection to the link\'s container has ended', why: 'it was stopped, restarted or removed', next: 'bridge up', ...(detail === '' ? {} : { detail: detail.trim() }),
  });
}

interface Pending {
  method: string;
  resolve: (result: never) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** To a link's cargo, if that runs. */
export async function openRunningControl(docker: Docker, link: string): Promise<{ id: string; control: Control } | undefined> {
  const cargo = await docker.containers.find(cargoName(link));
  return cargo?.running === true && cargo.state !== 'paused' ? { id: cargo.id, control: await openControl(docker, cargo.id) } : undefined;
}

/** @param container name or id of cargo */
export async function openControl(docker: Docker, container: string): Promise<Control> {
  const stream: ExecStream = await docker.containers.execStream(container, ['socat', 'STDIO', `UNIX-CONNECT:${controlSocket},retry=${connectRetries},interval=${connectIntervalS}`]);
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let rest = '';
  let said = '';
  let over = false;

  function answer(line: string): void {
    let value: ControlAnswer;
    try {
      value = JSON.parse(line) as ControlAnswer;
    } catch {
      said += line;
      return;
    }
    const waiting = pending.get(value.id);
    if (waiting === undefined) return;
    pending.delete(value.id);
    clearTimeout(waiting.timer);
    if ('error' in value) waiting.reject(cargoError(value.error.code, value.error.message, waiting.method, container));
    else waiting.resolve(value.result as never);
  }

  stream.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') answer(line);
  });
  stream.stderr.on('data', (chunk: Buffer) => { said += chunk.toString('utf8'); });
  stream.stdin.on('error', () => undefined);
  const ended = stream.ended.then(() => {
    over = true;
    for (const { reject, timer } of pending.values()) {
      clearTimeout(timer);
      reject(connectionGone(said));
    }
    pending.clear();
  });

  return {
    ended,
    call(method, params, timeoutMs = timing.controlTimeoutMs) {
      return new Promise((resolve, reject) => {
        if (over) return reject(connectionGone(said));
        const id = ++lastId;
        const timer = setTimeout(() => {
          pending.delete(id);
          reject(new BridgeError({ kind: 'timeout', code: 'cargo-silent', what: `the link's container did not answer '${method}' within ${Math.round(timeoutMs / 1000)} s`, next: `docker logs ${container}` }));
        }, timeoutMs);
        pending.set(id, { method, resolve, reject, timer });
        stream.stdin.write(`${JSON.stringify({ id, method, params })}\n`);
      });
    },
    close() {
      stream.stdin.end();
      stream.close();
    },
  };
}
