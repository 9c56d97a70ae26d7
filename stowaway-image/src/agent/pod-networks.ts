/** The pods whose network namespaces we have entered, by UID. */
import { words } from '../log.ts';
import { PodNetwork } from './netns/pod-network.ts';
import type { NodePod } from './pods/node-pod.ts';
import type { Processes } from './pods/proc-table.ts';

/** Of their names; the pod's UID follows. */
export const netnsPrefix = 'pb-';

/** Whose network namespace has this name? */
export function uidOf(netns: string): string {
  return netns.slice(netnsPrefix.length);
}

export interface NotEntered {
  /** Their network does not exist so far. */
  absent: NodePod[];
  /** Why, by UID. */
  failed: Map<string, string>;
}

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

  /** @param netns its name */
  at(netns: string): PodNetwork | undefined {
    return this.get(uidOf(netns));
  }

  entries(): IterableIterator<[string, PodNetwork]> {
    return this.#entered.entries();
  }

  /** Enters those that we are not in yet. One that cannot be entered keeps no other waiting. */
  async enter(pods: readonly NodePod[]): Promise<NotEntered> {
    const missing = pods.filter(({ metadata: { uid = '' }, hostNetwork }) => !hostNetwork && !this.#entered.has(uid));
    const not: NotEntered = { absent: [], failed: new Map() };
    if (missing.length === 0) return not;
    this.#processes.refresh();
    await Promise.all(missing.map(async (pod) => {
      const { uid = '' } = pod.metadata;
      // Any process of the pod will do; the oldest is the sandbox, whose network survives restarts of the containers.
      const [oldest] = this.#processes.ofPod(uid);
      try {
        const network = oldest === undefined ? undefined : await PodNetwork.enter(`${netnsPrefix}${uid}`, oldest.pid, pod.addresses, this.#identity);
        if (network === undefined) not.absent.push(pod);
        else this.#entered.set(uid, network);
      } catch (error) {
        not.failed.set(uid, words(error));
      }
    }));
    return not;
  }

  /** @throws when the rules could not be removed; the pod counts as left all the same */
  async leave(uid: string): Promise<void> {
    const network = this.#entered.get(uid);
    this.#entered.delete(uid);
    await network?.leave();
  }
}
