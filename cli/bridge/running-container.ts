/**
 * The app's container in the foreground: its streams, its end, its restarts, and its replacement by one of another image. The bridge stays meanwhile:
 * nothing is led to the container while it is away, so the pods answer, and its address remains.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { timing } from '../timing.ts';
import { comesBack } from './comes-back.ts';
import { attachContainer, type ContainerIo } from './container-io.ts';
import { removeContainer } from './remove-container.ts';

export interface RunningQuestion {
  docker: Docker;
  host: Host;
  interactive: boolean;
  tty: boolean;
  onLine?: (stream: 'stdout' | 'stderr', line: string) => void;
  /** Called with the streams of each start. */
  onIo: (io: ContainerIo) => void;
  /** The whole run ends. */
  signal: AbortSignal;
  /** Leads requests to the container, and away from it. */
  lead: () => Promise<void>;
  leadAway: () => Promise<void>;
  /** Called after each start but the first. */
  onStarted?: (id: string) => Promise<void>;
  /** An end of its own is told and the run goes on: the next change starts it again. */
  onEnd?: (exitCode: number) => void;
}

interface Life {
  id: string;
  ended: Promise<number>;
}

const never = new Promise<never>(() => undefined);

export class RunningContainer {
  readonly #parts: RunningQuestion;
  #io: ContainerIo | undefined;
  #shown = false;
  #life: Life | undefined;
  #changing: Promise<void> | undefined;

  constructor(parts: RunningQuestion) {
    this.#parts = parts;
  }

  get io(): ContainerIo | undefined {
    return this.#io;
  }

  /** Absent before its first start. */
  get id(): string | undefined {
    return this.#life?.id;
  }

  show(): void {
    this.#shown = true;
    this.#io?.show();
  }

  /** Before its start: neither its output nor its end must be missed. */
  async tie(id: string): Promise<void> {
    const { docker, host, interactive, tty, onLine, onIo } = this.#parts;
    this.#io?.detach();
    this.#io = await attachContainer(docker, host, { container: id, interactive, tty, ...(onLine === undefined ? {} : { onLine }) });
    onIo(this.#io);
    if (this.#shown) this.#io.show();
    const ended = docker.containers.wait(id, 'next-exit');
    ended.catch(() => undefined);
    this.#life = { id, ended };
  }

  /** Its exit code, when it has ended for good. */
  async ended(): Promise<number> {
    const { docker, signal, onEnd } = this.#parts;
    for (;;) {
      const seen = this.#life!;
      const code = await seen.ended;
      await this.#changing;
      if (this.#life !== seen) continue;
      if (signal.aborted) return code;
      if (await comesBack(docker, seen.id)) {
        // Its address is fixed, so what leads to it needs no change.
        await this.tie(seen.id);
        await this.#parts.onStarted?.(seen.id);
        continue;
      }
      if (onEnd === undefined) return code;
      onEnd(code);
      // Nothing to wait for but the next change.
      this.#life = { id: seen.id, ended: never };
    }
  }

  /** @param make another container under the same name and address; absent: the same one starts again */
  async restart(make?: () => Promise<string>): Promise<void> {
    const change = this.#restart(make);
    this.#changing = change.catch(() => undefined);
    try {
      await change;
    } finally {
      this.#changing = undefined;
    }
  }

  async #restart(make: (() => Promise<string>) | undefined): Promise<void> {
    const { docker, signal, lead, leadAway } = this.#parts;
    const { id } = this.#life!;
    // Whatever goes wrong from here on, the end of the old one is not the end of the run.
    this.#life = { id, ended: never };
    await leadAway();
    await sleep(timing.leadAwayMs, undefined, { signal });
    if (make === undefined) await docker.containers.stop(id, timing.containerStopTimeoutMs / 1000);
    else await removeContainer(docker, id, signal);
    signal.throwIfAborted();
    const next = make === undefined ? id : await make();
    await this.tie(next);
    await docker.containers.start(next);
    await this.#parts.onStarted?.(next);
    await lead();
  }
}
