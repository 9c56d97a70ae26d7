/** How many requests of a bridge went where. Counted by the agents' HAProxy, asked of each agent, sealed like an identity; never written to a status. */

export interface BridgeCounters {
  /** To the app container: HTTP requests where a rule takes HTTP apart, connections otherwise. */
  local: number;
  /** To the original, on the same ports: what no bridge took, and what the container could not take. */
  original: number;
  /** Neither side gave an answer: refused, or broken in the middle. */
  failed: number;
}

/** GET on the agent's port; answers 200 with a sealed message, 404 when this agent has no pod of the bridge. */
export function countersPath(namespace: string, bridge: string): string {
  return `/v1/bridges/${namespace}/${bridge}/counters`;
}

/** Plaintext inside the sealed message. */
export interface CountersAnswer {
  v: 1;
  /** Differs when counting began anew: the agent was replaced. */
  epoch: string;
  counters: BridgeCounters;
}
