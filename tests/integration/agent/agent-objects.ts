import type { Bridge, Client } from '../../../protocol/objects.ts';
import type { NodePod } from '../../../stowaway-image/src/agent/pods/node-pod.ts';

/** What the agent sees of the cluster. */
export interface AgentObjects {
  bridges: Bridge[];
  clients: Client[];
  pods: NodePod[];
}

export const controlPort = 7999;
