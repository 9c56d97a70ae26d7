/** How much HAProxy configuration this node's agent takes in. What nobody can hold in memory would end it, and with it the bridges of all. */
import type { Bridge } from '../../../protocol/objects.ts';

/** Bytes, about, of all bridges on all pods of the node. An agent with 2.5 MiB goes on serving, but is slow at changes; at 10 MiB it ends. */
export const loadLimits = { ofOwner: 512 * 1024, ofNode: 2 * 1024 * 1024 } as const;
/** Of a port without rules: its frontend, backends and server. */
const portBytes = 600;

/** Bytes, about, that the bridge is on each pod: every rule stands in the configuration of every port. */
export function loadOf({ spec: { ports, rules = [] } }: Pick<Bridge, 'spec'>): number {
  return ports.length === 0 ? 0 : ports.length * (portBytes + Buffer.byteLength(JSON.stringify(rules)));
}

/** Counts what is let in, one bridge on one pod after the other. */
export class LoadLimit {
  readonly #ofOwner = new Map<string, number>();
  #ofNode = 0;

  /** Why it is left out, for people; undefined when it is let in. @param load of the bridge, see {@link loadOf} */
  refuse(owner: string, load: number): string | undefined {
    const ofOwner = (this.#ofOwner.get(owner) ?? 0) + load;
    if (ofOwner > loadLimits.ofOwner) return `the bridges of ${owner} have more rules times ports on the pods of this node than its agent takes of one user; older bridges go first. Use fewer ports or rules, or stop one of the others`;
    if (this.#ofNode + load > loadLimits.ofNode) return 'all bridges together have more rules times ports on the pods of this node than its agent takes; older bridges go first. Use fewer ports or rules, or stop one of the others';
    this.#ofOwner.set(owner, ofOwner);
    this.#ofNode += load;
    return undefined;
  }
}
