/** Which files the pod has, asked of its agents through cargo, as soon as any has an answer. */
import type { FilesOffer } from '../../protocol/files.ts';
import { agentsOf, type IdentityQuestion } from '../bridge/identity.ts';
import { isReady, progressWords } from '../bridge/bridge-progress.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';

export async function askForFiles({ watch, control, signal, waiting }: IdentityQuestion): Promise<FilesOffer> {
  let seen = false;
  await watch.until((bridge) => {
    seen ||= bridge !== undefined;
    isReady(bridge, seen);
    return agentsOf(bridge).length > 0;
  }, { timeoutMs: timing.bridgeReadyTimeoutMs, signal, onState: (bridge) => waiting(progressWords(bridge)), what: () => 'no agent took the bridge' });
  const deadline = Date.now() + timing.identityTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await control.call('files', { agents: agentsOf(watch.current), bridge: watch.ref });
    } catch (error) {
      if (Date.now() > deadline) {
        const why = isBridgeError(error) ? (error.facts.why ?? error.facts.what) : error instanceof Error ? error.message : undefined;
        throw new BridgeError({
          kind: 'environment', code: 'files-unavailable', what: 'the agent does not give the files of the pod', ...(why === undefined ? {} : { why }), next: '--no-volumes, or: kubectl -n bridge-system logs -l app.kubernetes.io/component=agent', cause: error,
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, timing.identityRetryDelayMs));
  }
}
