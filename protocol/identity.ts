/** What the target's process has: environment, DNS, user, files. Read by the agent through /proc, given only to the bridge's client. */

export interface Identity {
  pod: { name: string; namespace: string; uid: string; node: string; addresses: string[]; serviceAccount: string };
  container: { name: string; image: string };
  /** As the main process got it, in its order; values may be multi-line. */
  env: [name: string, value: string][];
  /** The cluster image's own ENV where the container runtime shows it through the process alone: absent. */
  workingDir: string;
  user: { uid: number; gid: number; groups: number[] };
  hostname: string;
  resolv: { nameservers: string[]; search: string[]; options: string[] };
  /** Lines of /etc/hosts that Kubernetes did not write for the pod itself (hostAliases). */
  hosts: { ip: string; names: string[] }[];
  limits: { cpuMillis?: number; memoryBytes?: number };
  command: string[];
  /** TCP ports of the pod's loopback on which its other containers listen. */
  loopbackPorts: number[];
}

/** GET on the agent's port; answers 200 with {@link SealedMessage}, 404 when this agent has no pod of the bridge. */
export function identityPath(namespace: string, bridge: string): string {
  return `/v1/bridges/${namespace}/${bridge}/identity`;
}

/** Plaintext inside {@link SealedMessage} of an identity answer. */
export interface IdentityAnswer {
  v: 1;
  identity: Identity;
}
