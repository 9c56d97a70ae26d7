/**
 * Forwards of bridges whose session has ended. Agents let open requests finish first, as at every other end of a bridge, and
 * until then these still have a way to the container.
 */
import type { BridgeRef } from '../../../protocol/heartbeat.ts';
import { sameBridge } from '../state.ts';

/** As long as an agent drains, and a moment for it to hear of the end. */
export const drainMs = 11_000;
/** When the hub does not say that the bridge is gone, nothing comes from there either. */
export const unheardMs = 30_000;

export interface Closings {
  /** Again: the time counts from now. */
  begin(bridge: BridgeRef, afterMs: number): void;
  /** The bridge is somebody's again, or its forwards are gone. */
  cancel(bridge: BridgeRef): void;
  has(bridge: BridgeRef): boolean;
  list(): BridgeRef[];
}

type Schedule = (run: () => void, afterMs: number) => void;

export function createClosings(close: (bridge: BridgeRef) => void, schedule: Schedule = (run, afterMs) => { setTimeout(run, afterMs).unref(); }): Closings {
  let open: { bridge: BridgeRef }[] = [];
  const cancel = (bridge: BridgeRef): void => { open = open.filter((other) => !sameBridge(other.bridge, bridge)); };
  return {
    begin(bridge, afterMs) {
      const closing = { bridge };
      cancel(bridge);
      open.push(closing);
      schedule(() => { if (open.includes(closing)) close(bridge); }, afterMs);
    },
    cancel,
    has: (bridge) => open.some((other) => sameBridge(other.bridge, bridge)),
    list: () => open.map(({ bridge }) => bridge),
  };
}
