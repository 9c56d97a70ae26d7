/** Names that stand for one node's agent: controller and agent must agree on them. */
import { createHash } from 'node:crypto';
import { names } from '../../protocol/names.ts';

function digest(node: string): string {
  // Node names are as long as DNS names; pod names and field managers are shorter.
  return createHash('sha256').update(node).digest('hex').slice(0, 10);
}

export function agentPodName(node: string): string {
  return `${names.agent}-${digest(node)}`;
}

/** Field manager under which the agent of a node writes its entries in status.pods. The controller uses it to clear the entries of an agent that is gone for good. */
export function agentManager(node: string): string {
  return agentPodName(node);
}
