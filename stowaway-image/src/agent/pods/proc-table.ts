/**
 * The node's processes, by pod. Looks fast (every 50 ms while pods are starting) because it reads the cgroup of new
 * processes only; a new one is read again for a moment, because runc moves a process into its cgroup after the fork.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { cgroupOwner, type CgroupOwner } from './cgroup.ts';

/** How long after its appearance a process may still change its cgroup. */
const settleMs = 3000;
/** After a longer pause between two looks a number may belong to another process: everything is read anew. */
const trustMs = 1000;

interface Known {
  startTime: string;
  seenAt: number;
  owner: CgroupOwner | undefined;
}

export interface PodProcess {
  pid: number;
  /** Clock ticks since boot: orders processes by age. */
  startTime: number;
  owner: CgroupOwner;
}

/** What the agent asks about processes; the integration tests tell "pods" apart by Docker's cgroups instead. */
export interface Processes {
  refresh(): void;
  ofPod(uid: string): PodProcess[];
}

export class ProcTable implements Processes {
  readonly #known = new Map<number, Known>();
  #refreshedAt = 0;
  readonly #proc: string;
  readonly #ownerOf: (cgroup: string) => CgroupOwner | undefined;
  readonly #now: () => number;

  constructor(proc = '/proc', ownerOf = cgroupOwner, now: () => number = Date.now) {
    this.#proc = proc;
    this.#ownerOf = ownerOf;
    this.#now = now;
  }

  refresh(): void {
    const now = this.#now();
    if (now - this.#refreshedAt > trustMs) this.#known.clear();
    this.#refreshedAt = now;
    const present = new Set<number>();
    for (const name of readdirSync(this.#proc)) {
      const pid = Number(name);
      if (!Number.isInteger(pid)) continue;
      present.add(pid);
      const known = this.#known.get(pid);
      if (known !== undefined && now - known.seenAt > settleMs) continue;
      const startTime = known?.startTime ?? this.#startTime(pid);
      if (startTime === undefined) continue;
      this.#known.set(pid, { startTime, seenAt: known?.seenAt ?? now, owner: this.#owner(pid) });
    }
    for (const pid of this.#known.keys()) if (!present.has(pid)) this.#known.delete(pid);
  }

  /** Oldest first: the sandbox (`pause`) comes before the containers that join its network. */
  ofPod(uid: string): PodProcess[] {
    const wanted = uid.replaceAll('-', '');
    const found: PodProcess[] = [];
    for (const [pid, { owner, startTime }] of this.#known) {
      if (owner === undefined || owner.podUid.replaceAll('-', '') !== wanted) continue;
      // A number may have been given to another process between two looks.
      if (this.#startTime(pid) !== startTime) { this.#known.delete(pid); continue; }
      found.push({ pid, startTime: Number(startTime), owner });
    }
    return found.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  }

  #owner(pid: number): CgroupOwner | undefined {
    const text = this.#read(`${pid}/cgroup`);
    return text === undefined ? undefined : this.#ownerOf(text);
  }

  #startTime(pid: number): string | undefined {
    return startTimeOf(this.#read(`${pid}/stat`) ?? '');
  }

  #read(path: string): string | undefined {
    try {
      return readFileSync(`${this.#proc}/${path}`, 'latin1');
    } catch {
      return undefined; // it has ended meanwhile
    }
  }
}

/** Field 22 of /proc/PID/stat (proc(5)); the command name before it may contain spaces and parentheses. */
export function startTimeOf(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
