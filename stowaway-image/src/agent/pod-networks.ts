/** The pods whose network namespaces we have entered, by UID. */
import { PodNetwork } from './netns/pod-network.ts';
import type { NodePod } from './pods/node-pod.ts';
import type { Processes } from './pods/proc-table.ts';

/** Of their names; the pod's UID follows. */
export const netnsPrefix = 'pb-';

export class PodNetworks {
  readonly #entered = new Map<string, PodNetwork>();
  readonly #processes: Processes;
  readonly #identity: { instance: string; nodePid: number };

  constructor(processes: Processes, identity: { instance: string; nodePid: number }) {
    this.#processes = processes;
    this.#identity = identity;
  }

  get(uid: string): PodNetwork | undefined {
    return this.#entered.get(uid);
  }

  entries(): IterableIterator<[string, PodNetwork]> {
    return this.#entered.entries();
  }

  /** Enters those that we are not in yet. Returns the pods whose network does not exist so far. */
  async enter(pods: readonly NodePod[]): Promise<NodePod[]> {
    const missing = pods.filter(({ metadata: { uid = '' }, hostNetwork }) => !hostNetwork && !this.#entered.has(uid));
    if (missing.length === 0) return [];
    this.#processes.refresh();
    const still = await Promise.all(missing.map(async (pod) => {
      const { uid = '' } = pod.metadata;
      // Any process of the pod will do; the oldest is the sandbox, whose network survives restarts of the containers.
      const [oldest] = this.#processes.ofPod(uid);
      if (oldest === undefined) return [pod];
      const network = await PodNetwork.enter(`${netnsPrefix}${uid}`, oldest.pid, pod.addresses, this.#identity);
      if (network === undefined) return [pod];
      this.#entered.set(uid, network);
      return [];
    }));
    return still.flat();
  }

  /** @throws when the rules could not be removed; the pod counts as left all the same */
  async leave(uid: string): Promise<void> {
    const network = this.#entered.get(uid);
    this.#entered.delete(uid);
    await network?.leave();
  }
}
