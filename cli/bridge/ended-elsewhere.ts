/** A bridge that is gone although its run stands: by whom, and why, as far as can be told from here. */
import { endedByAnnotation } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import { BridgeError, exitCodes, isBridgeError } from '../errors.ts';
import { findClient } from '../link/client-object.ts';

/** `bridge stop` or `bridge down` of the same machine: as wanted as Ctrl-C. @param bridge its last state */
export function endedByOwnCommand(bridge: Bridge | undefined): boolean {
  return bridge !== undefined && bridge.metadata.annotations?.[endedByAnnotation] === bridge.spec.client;
}

async function whyEnded(cluster: Cluster, { spec: { client: link, lifetime } }: Bridge): Promise<string> {
  const deleted = 'it was deleted: by an administrator, perhaps (bridge stop, kubectl delete), or as podbridge is being removed';
  try {
    const client = await findClient(cluster, link);
    if (client === undefined || client.metadata.deletionTimestamp !== undefined) return `the cluster has no link ${link} any more: an administrator has revoked it or removed podbridge, an invitation has ended, or it was deleted`;
    if (client.status?.phase === 'Gone') return `its link ${link} was silent for longer than its --ttl`;
    return lifetime === undefined ? deleted : `its lifetime of ${lifetime} is over, or ${deleted}`;
  } catch (error) {
    switch (isBridgeError(error) ? error.facts.code : '') {
      case 'cluster-unauthorized': return 'the cluster does not accept these credentials any more: an administrator has revoked them, or they have expired';
      case 'cluster-forbidden': return 'you may not see links any more: an administrator has taken the rights away, or removed podbridge';
      case 'cluster-kind-missing': return 'podbridge was removed from the cluster';
      default: return deleted;
    }
  }
}

/** @param bridge its last state */
export async function endedByOthers(cluster: Cluster, bridge: Bridge): Promise<BridgeError> {
  const { name, namespace } = bridge.metadata;
  return new BridgeError({
    kind: 'refused', code: 'bridge-ended', what: `bridge ${name} in ${namespace} was ended by somebody else`, why: await whyEnded(cluster, bridge), next: 'ask who administers the cluster, or the same again', exitCode: exitCodes.refused,
  });
}
