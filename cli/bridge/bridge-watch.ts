/** One watch on one Bridge for the whole of a run, so that no question about it costs a request. */
import type { BridgeRef } from '../../protocol/heartbeat.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';

export interface UntilOptions {
  timeoutMs: number;
  signal?: AbortSignal;
  /** Called with every state that does not suffice yet. */
  onState?: (bridge: Bridge | undefined) => void;
  /** Words for the timeout: `bridge x was not ready`. */
  what: (bridge: Bridge | undefined) => string;
}

export class BridgeWatch {
  readonly ref: BridgeRef;
  readonly #abort = new AbortController();
  readonly #listeners = new Set<() => void>();
  #current: Bridge | undefined;
  #failure: unknown;

  constructor(cluster: Cluster, ref: BridgeRef) {
    this.ref = ref;
    void this.#follow(cluster);
  }

  get current(): Bridge | undefined {
    return this.#current;
  }

  async #follow(cluster: Cluster): Promise<void> {
    try {
      for await (const event of cluster.watch<Bridge>(resources.Bridge, { namespace: this.ref.namespace, fieldSelector: `metadata.name=${this.ref.name}`, signal: this.#abort.signal })) {
        if (event.type === 'synced') this.#current = event.items[0];
        else this.#current = event.type === 'deleted' ? undefined : event.object;
        this.#tell();
      }
    } catch (error) {
      this.#failure = error;
      this.#tell();
    }
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Called at every change until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first truthy answer to a state; a throw of `test` is passed on. Throws `bridge-timeout`. */
  until<T>(test: (bridge: Bridge | undefined) => T | undefined | false, { timeoutMs, signal, onState, what }: UntilOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        forget();
        signal?.removeEventListener('abort', aborted);
      };
      const check = () => {
        try {
          if (this.#failure !== undefined) throw this.#failure as Error;
          const answer = test(this.#current);
          if (answer === undefined || answer === false) return onState?.(this.#current);
          end();
          resolve(answer);
        } catch (error) {
          end();
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const aborted = () => {
        end();
        const reason: unknown = signal?.reason;
        reject(reason instanceof Error ? reason : new Error('given up'));
      };
      const timer = setTimeout(() => {
        end();
        reject(new BridgeError({ kind: 'timeout', code: 'bridge-timeout', what: what(this.#current), why: `it took longer than ${Math.round(timeoutMs / 1000)} s` }));
      }, timeoutMs);
      const forget = this.onChange(check);
      signal?.addEventListener('abort', aborted, { once: true });
      if (signal?.aborted === true) aborted();
      else check();
    });
  }

  close(): void {
    this.#abort.abort();
  }
}
