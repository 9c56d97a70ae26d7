/** Bridges whose foreground session died on the laptop: cargo reports them, and the hub deletes those that are that client's. */
import type { BridgeRef, SessionRef } from '../../../protocol/heartbeat.ts';
import type { Bridge, Client } from '../../../protocol/objects.ts';
import { keyOf, resources, type Kube } from '../kube/index.ts';
import type { Log } from '../log.ts';
import { words } from '../log.ts';

export interface EndedBridgesOptions {
  kube: Kube;
  find: (ref: BridgeRef) => Bridge | undefined;
  log: Log;
}

export class EndedBridges {
  readonly #options: EndedBridgesOptions;
  readonly #deleting = new Set<string>();

  constructor(options: EndedBridgesOptions) {
    this.#options = options;
  }

  /** Starts the removal of those that are still there; returns those that are gone (another one of the same name is none of them), or not this client's and so none of its business. */
  report(client: Client, ended: readonly SessionRef[]): SessionRef[] {
    return ended.filter((ref) => {
      const bridge = this.#options.find(ref);
      if (bridge === undefined || (ref.uid !== undefined && bridge.metadata.uid !== ref.uid) || bridge.spec.client !== client.metadata.name || bridge.spec.owner !== client.spec.owner) return true;
      void this.#delete(bridge);
      return false;
    });
  }

  async #delete(bridge: Bridge): Promise<void> {
    const { kube, log } = this.#options;
    const key = keyOf(bridge);
    // The heartbeat repeats it until the bridge is gone.
    if (this.#deleting.has(key)) return;
    this.#deleting.add(key);
    try {
      await kube.delete(resources.bridges, bridge.metadata, { uid: bridge.metadata.uid });
      log('bridge-deleted', { bridge: key, why: 'its session on the laptop has ended' });
    } catch (error) {
      log('failed', { what: `delete bridge ${key}`, message: words(error) });
    } finally {
      this.#deleting.delete(key);
    }
  }
}
