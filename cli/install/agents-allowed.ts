/** Does the cluster let agents be? Asked of the API server itself, by a dry run of such a pod: so every policy engine has its say. */
import { agentPodDemands, agentResources, agentSecurityContext } from '../../protocol/agent-demands.ts';
import { labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import type { Manifest } from './manifests/manifest.ts';

const probeName = `${names.agent}-probe`;

function agentProbe(image: string): Manifest {
  return {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: probeName, namespace: systemNamespace, labels: { [labels.managedBy]: managedBy, [labels.component]: 'agent' } },
    spec: {
      serviceAccountName: names.agent, restartPolicy: 'Always', ...agentPodDemands, securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'agent', image, securityContext: agentSecurityContext, resources: agentResources }],
    },
  };
}

/** Why the cluster refuses agents, in its own words; undefined when it does not, and when it cannot be asked. */
export async function agentRefusal(cluster: Cluster, image: string): Promise<string | undefined> {
  try {
    await cluster.create(agentProbe(image), undefined, { dryRun: true });
    return undefined;
  } catch (error) {
    if (!isBridgeError(error)) throw error;
    // Whoever may install but not make pods learns it from the status of the first bridge.
    return error.facts.code === 'cluster-denied' || error.facts.code === 'cluster-invalid' ? error.facts.why : undefined;
  }
}
