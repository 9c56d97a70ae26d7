/**
 * Bytes through each client's tunnel, for its status. WireGuard counts from zero with every hub and every new peer, so differences are
 * added to what the status said. Written rarely: the API server shall not hear of traffic.
 */
import type { ClientTraffic } from '../../../protocol/objects.ts';

export interface Transfer {
  /** Seen from the hub. */
  received: number;
  sent: number;
}

/** Heartbeats alone take hours for it. */
export const leastGrowthBytes = 1024 * 1024;

interface Account {
  counted: ClientTraffic;
  last: Transfer;
}

export class TrafficBook {
  readonly #accounts = new Map<string, Account>();

  /**
   * What the status is to say.
   * @param key of client and peer: a new cargo counts from zero
   */
  count(key: string, written: ClientTraffic | undefined, transfer: Transfer): ClientTraffic | undefined {
    const account = this.#accounts.get(key) ?? { counted: written ?? { fromClient: 0, toClient: 0 }, last: { received: 0, sent: 0 } };
    const anew = transfer.received < account.last.received || transfer.sent < account.last.sent;
    const last = anew ? { received: 0, sent: 0 } : account.last;
    account.counted = { fromClient: account.counted.fromClient + transfer.received - last.received, toClient: account.counted.toClient + transfer.sent - last.sent };
    account.last = transfer;
    this.#accounts.set(key, account);
    const growth = account.counted.fromClient + account.counted.toClient - (written?.fromClient ?? 0) - (written?.toClient ?? 0);
    return growth < leastGrowthBytes ? written : account.counted;
  }

  forgetAllBut(keys: ReadonlySet<string>): void {
    for (const key of this.#accounts.keys()) if (!keys.has(key)) this.#accounts.delete(key);
  }
}
