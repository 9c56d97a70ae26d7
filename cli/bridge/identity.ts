/** The pod's identity, asked of its agent through cargo, as soon as any agent has one to give. */
import type { Identity } from '../../protocol/identity.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { isReady, progressWords } from './bridge-progress.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import type { Control } from './needs.ts';

export interface IdentityQuestion {
  watch: BridgeWatch;
  control: Control;
  signal: AbortSignal;
  waiting: (waitingFor: string) => void;
}

/** Agents that serve the bridge, ready ones first: theirs can surely be read. */
export function agentsOf(bridge: Bridge | undefined): string[] {
  const pods = [...(bridge?.status?.pods ?? [])].filter((pod) => pod.agent !== '').sort((a, b) => Number(b.ready) - Number(a.ready));
  return [...new Set(pods.map((pod) => pod.agent))];
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new Error('given up'));
    }, { once: true });
  });
}

export async function fetchIdentity({ watch, control, signal, waiting }: IdentityQuestion): Promise<Identity> {
  let seen = false;
  await watch.until((bridge) => {
    seen ||= bridge !== undefined;
    isReady(bridge, seen);
    return agentsOf(bridge).length > 0;
  }, {
    timeoutMs: timing.bridgeReadyTimeoutMs, signal, onState: (bridge) => waiting(progressWords(bridge)),
    what: () => 'no agent took the bridge',
  });
  const deadline = Date.now() + timing.identityTimeoutMs;
  for (;;) {
    let failure: unknown;
    for (const agent of agentsOf(watch.current)) {
      signal.throwIfAborted();
      try {
        return await control.call('identity', { agent, bridge: watch.ref });
      } catch (error) {
        failure = error;
      }
    }
    if (Date.now() > deadline) {
      const why = isBridgeError(failure) ? (failure.facts.why ?? failure.facts.what) : failure instanceof Error ? failure.message : undefined;
      throw new BridgeError({
        kind: 'environment', code: 'identity-unavailable', what: 'the agent does not give the environment of the pod', ...(why === undefined ? {} : { why }),
        next: 'kubectl -n bridge-system logs -l app.kubernetes.io/component=agent', cause: failure,
      });
    }
    await delay(timing.identityRetryDelayMs, signal);
  }
}
