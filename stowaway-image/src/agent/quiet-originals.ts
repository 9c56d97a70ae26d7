/**
 * Connections that the original has though all of its port is bridged: from before the bridge, when the kernel gave them to the pod's process,
 * or from while the container did not answer. What an ingress or a mesh asks over those that it keeps would go on to the original for hours.
 * One that is quiet, its last word an answer, is reset: for its next request the client opens a new one, and that is bridged. Busy ones stay
 * until they pause.
 */
import { establishedWithOwner, resetStillQuiet, type SocketTimes } from '../adapters/socket-idle.ts';
import { words, type Log } from '../log.ts';
import { pause } from '../kube/index.ts';
import { isIdle } from './drain.ts';
import { movedPeer } from './proxy/source-port.ts';

export interface BridgedPort {
  netns: string;
  address: string;
  port: number;
  /** Connections from these addresses are not bridged. */
  exclude: readonly string[];
  /** Does the container take what would come instead? */
  serves: () => boolean;
}

/** Nothing said for so long: then nothing will be in the next hundredth of a second either, most likely. */
const quietMs = 2000;
const lookIntervalMs = 1000;
/** Looks in this interval; after them, whoever is still there is busy. */
const firstLooks = 30;
const busyIntervalMs = 10_000;
/** None is left. But while HAProxy is started again, new ones end at the process. */
const noneIntervalMs = 60_000;

interface Watched extends BridgedPort {
  looks: number;
  dueAt: number;
  /** The container did, when this was noted last. */
  served: boolean;
}

export class QuietOriginals {
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #watched = new Map<string, Watched>();
  #running = false;

  constructor(options: { log: Log; signal: AbortSignal }) {
    this.#log = options.log;
    this.#signal = options.signal;
  }

  /** Exactly these are bridged now, every connection that comes. */
  watch(ports: readonly BridgedPort[]): void {
    const wanted = new Map(ports.map((port) => [`${port.netns} ${port.port}`, port]));
    for (const key of [...this.#watched.keys()]) if (!wanted.has(key)) this.#watched.delete(key);
    for (const [key, port] of wanted) {
      const served = port.serves();
      const begun = { looks: 0, dueAt: Date.now() + lookIntervalMs };
      const watched = this.#watched.get(key);
      // Changed in place: a look at it may be under way.
      if (watched === undefined) this.#watched.set(key, { ...port, served, ...begun });
      else Object.assign(watched, port, served && !watched.served ? begun : {}, { served });
    }
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (!this.#signal.aborted && this.#watched.size > 0) {
      await pause(lookIntervalMs, this.#signal);
      for (const watched of [...this.#watched.values()]) if (watched.dueAt <= Date.now()) await this.#look(watched);
    }
    this.#running = false;
  }

  async #look(watched: Watched): Promise<void> {
    watched.looks += 1;
    watched.dueAt = Date.now() + noneIntervalMs;
    try {
      const sockets = await socketsOf(watched);
      if (sockets.length > 0) watched.dueAt = Date.now() + (watched.looks < firstLooks ? lookIntervalMs : busyIntervalMs);
      if (!watched.serves()) return;
      const { netns, address, port } = watched;
      const count = await resetStillQuiet(netns, `${address}:${port}`, quietPeers(sockets), async () => quietPeers(await socketsOf(watched)));
      if (count > 0) this.#log('quiet connections of the original are reset', { netns, port, count });
    } catch (error) {
      // The pod may be gone.
      this.#log('connections of the original cannot be looked at', { netns: watched.netns, error: words(error) });
    }
  }
}

async function socketsOf({ netns, address, port, exclude }: BridgedPort): Promise<SocketTimes[]> {
  return (await establishedWithOwner(netns, address, port, movedPeer)).filter(({ peer }) => !exclude.includes(peer.slice(0, peer.lastIndexOf(':'))));
}

function quietPeers(sockets: readonly SocketTimes[]): Set<string> {
  return new Set(sockets.filter((socket) => isIdle(socket) && Math.min(socket.sinceSentMs, socket.sinceReceivedMs) >= quietMs).map(({ peer }) => peer));
}
