/** Are the rules of a bridge really in force in its pods? Asked of an agent by `bridge doctor`, sealed like an identity. */

export interface PodRulesCheck {
  pod: string;
  /** The agent is in the pod's network namespace. */
  entered: boolean;
  ports: {
    port: number;
    protocol: 'TCP' | 'UDP';
    /** The kernel has the rule. */
    rule: boolean;
    /** HAProxy listens where the rule leads; null for UDP, which needs nobody to listen. */
    listener: boolean | null;
  }[];
}

export function rulesCheckPath(namespace: string, bridge: string): string {
  return `/v1/bridges/${namespace}/${bridge}/rules`;
}

/** Plaintext inside the sealed message. */
export interface RulesCheckAnswer {
  v: 1;
  pods: PodRulesCheck[];
}
