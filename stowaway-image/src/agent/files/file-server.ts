/**
 * Runs pod-files (the SSH server for files) from the first time that somebody asks until nobody is left who may: agents without such
 * bridges do without its memory. Its host key lasts as long as the agent.
 */
import { talkingChild, type TalkingChild } from '../../adapters/talking-child.ts';
import type { Log } from '../../log.ts';
import { makeKeyPair, type Grant, type KeyPair } from './grants.ts';

const program = '/usr/local/bin/pod-files';
/** It answers within milliseconds, or not at all. */
const answerTimeoutMs = 3000;

export interface FileServerOptions {
  port: number;
  log: Log;
  /** The program ended by itself; sessions and grants are gone with it. */
  onEnd: () => void;
  start?: typeof talkingChild;
}

export class FileServer {
  readonly #options: FileServerOptions;
  readonly #host: KeyPair = makeKeyPair();
  #child: TalkingChild | undefined;
  #seq = 0;
  readonly #waiting = new Map<number, () => void>();

  constructor(options: FileServerOptions) {
    this.#options = options;
  }

  get hostKey(): string {
    return this.#host.publicKey;
  }

  /** Replaces all grants; resolves when they are in force. Connections whose grant has gone are closed. */
  async set(grants: readonly Grant[]): Promise<void> {
    if (grants.length === 0) { this.stop(); return; }
    const fresh = this.#child === undefined;
    this.#child ??= this.#start();
    const seq = ++this.#seq;
    const done = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('pod-files does not answer')), answerTimeoutMs);
      this.#waiting.set(seq, () => { clearTimeout(timer); resolve(); });
    });
    this.#child.tell(JSON.stringify({ seq, grants, ...(fresh ? { hostSeed: this.#host.seed, port: this.#options.port } : {}) }));
    await done.finally(() => this.#waiting.delete(seq));
  }

  stop(): void {
    this.#child?.close();
    this.#child = undefined;
  }

  #start(): TalkingChild {
    const { log, onEnd, start = talkingChild } = this.#options;
    const child = start([program, 'serve'], { GOMEMLIMIT: '24MiB' }, (line) => {
      const { seq } = JSON.parse(line) as { seq: number };
      this.#waiting.get(seq)?.();
    }, (line) => log('pod-files', { line }));
    void child.ended.then((how) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      log('failed', { what: 'pod-files', message: how });
      onEnd();
    });
    return child;
  }
}
