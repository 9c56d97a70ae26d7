/** Does the hub live? Asked at its /healthz, again and again, as long as somebody wants to know. */
import { get } from 'node:http';
import { ports } from '../../../../protocol/ports.ts';
import { pause } from '../../kube/index.ts';

const askIntervalMs = 1000;
const answerTimeoutMs = 2000;
/** So many questions in a row without an answer, and it is taken for dead. */
const failuresUntilDead = 3;

export interface HubAnswersOptions {
  /** One of them answers now, or does not any more. */
  onChange: () => void;
  /** Throws when there is no answer. @param signal after which none is awaited */
  answer?: (address: string, signal: AbortSignal) => Promise<void>;
  intervalMs?: number;
}

interface Hub {
  since: number | undefined;
  failures: number;
  stop: AbortController;
}

export class HubAnswers {
  readonly #options: HubAnswersOptions;
  readonly #hubs = new Map<string, Hub>();

  constructor(options: HubAnswersOptions) {
    this.#options = options;
  }

  /** These from now on, and no others. */
  ask(addresses: ReadonlySet<string>): void {
    for (const [address, { stop }] of this.#hubs) {
      if (addresses.has(address)) continue;
      this.#hubs.delete(address);
      stop.abort();
    }
    for (const address of addresses) {
      if (this.#hubs.has(address)) continue;
      const hub: Hub = { since: undefined, failures: 0, stop: new AbortController() };
      this.#hubs.set(address, hub);
      void this.#follow(address, hub);
    }
  }

  /** Since when it has answered without a break (ms since the epoch); undefined: it does not. */
  since(address: string): number | undefined {
    return this.#hubs.get(address)?.since;
  }

  async #follow(address: string, hub: Hub): Promise<void> {
    const { onChange, answer = healthy, intervalMs = askIntervalMs } = this.#options;
    const { signal } = hub.stop;
    while (!signal.aborted) {
      const before = hub.since;
      try {
        await answer(address, AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]));
        hub.failures = 0;
        hub.since ??= Date.now();
      } catch {
        hub.failures += 1;
        if (hub.failures >= failuresUntilDead) hub.since = undefined;
      }
      if (signal.aborted) return;
      if (hub.since !== before) onChange();
      await pause(intervalMs, signal);
    }
  }
}

function healthy(address: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get({ host: address, port: ports.health, path: '/healthz', signal, agent: false }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`status ${response.statusCode}`));
    });
    request.on('error', reject);
  });
}
