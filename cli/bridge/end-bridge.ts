/** Ends a Bridge without losing a request: draining first, then the object goes. */
import type { BridgeRef } from '../../protocol/heartbeat.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { endedByAnnotation } from '../../protocol/names.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';

function isGone(error: unknown): boolean {
  return isBridgeError(error) && (error.facts.code === 'cluster-not-found' || error.facts.code === 'cluster-kind-missing');
}

/**
 * Agents give new connections to the originals at once, let open requests finish, and take their entries out of the status;
 * then the Bridge is deleted. `force` ends the waiting. False when there was no such bridge.
 *
 * @param link of this machine
 */
export async function endBridge(cluster: Cluster, { namespace, name }: BridgeRef, link: string, force: AbortSignal, waiting: (waitingFor: string) => void = () => undefined): Promise<boolean> {
  if (!force.aborted) {
    try {
      const bridge = await cluster.patch<Bridge>(resources.Bridge, name, { metadata: { annotations: { [endedByAnnotation]: link } }, spec: { state: 'Draining' } }, { namespace });
      if ((bridge.status?.pods ?? []).length > 0) {
        await cluster.until<Bridge>(resources.Bridge, name, (current) => {
          const left = current?.status?.pods?.length ?? 0;
          if (left > 0) waiting(`open requests, ${left} pod${left === 1 ? '' : 's'} still attached`);
          return left === 0;
        }, { namespace, timeoutMs: timing.bridgeDrainTimeoutMs, signal: force });
      }
    } catch (error) {
      if (isGone(error)) return false;
      // Out of patience, or an agent that no longer answers: deletion detaches what is left.
      const tooLong = isBridgeError(error) && error.facts.code === 'cluster-timeout';
      if (!force.aborted && !tooLong) throw error;
    }
  }
  return cluster.delete(resources.Bridge, name, { namespace });
}
