/**
 * Foreground sessions. Whoever holds a lifeline says: when this connection ends without `release`, my bridge is over.
 * After a restart of cargo every connection is gone, so sessions get some time to come back before they count as ended.
 */
import type { BridgeRef, SessionRef } from '../../../protocol/heartbeat.ts';
import { sameBridge } from '../state.ts';
import type { Session } from './server.ts';

export const lifelineGraceMs = 10_000;

interface Lifeline {
  bridge: SessionRef;
  /** undefined: not claimed again since the restart. */
  session: Session | undefined;
}

export interface Lifelines {
  /** Known from before a restart. */
  restore(bridges: SessionRef[]): void;
  hold(bridge: SessionRef, session: Session): void;
  release(bridge: BridgeRef): void;
  list(): SessionRef[];
  /** No more endings: cargo itself is going down. */
  close(): void;
}

export function createLifelines(onEnded: (bridge: SessionRef) => void, schedule: (run: () => void, delayMs: number) => void = (run, delayMs) => { setTimeout(run, delayMs).unref(); }): Lifelines {
  let held: Lifeline[] = [];
  let closed = false;

  function end(lifeline: Lifeline): void {
    if (closed || !held.includes(lifeline)) return;
    held = held.filter((other) => other !== lifeline);
    onEnded(lifeline.bridge);
  }

  return {
    restore(bridges) {
      const restored = bridges.filter((bridge) => !held.some((other) => sameBridge(other.bridge, bridge))).map((bridge): Lifeline => ({ bridge, session: undefined }));
      held.push(...restored);
      if (restored.length > 0) schedule(() => { for (const lifeline of restored) end(lifeline); }, lifelineGraceMs);
    },
    hold(bridge, session) {
      const lifeline: Lifeline = { bridge, session };
      // The newest holder counts: an older connection's end says nothing any more.
      held = [...held.filter((other) => !sameBridge(other.bridge, bridge)), lifeline];
      session.onEnd(() => end(lifeline));
    },
    release(bridge) {
      held = held.filter((other) => !sameBridge(other.bridge, bridge));
    },
    list: () => held.map(({ bridge }) => bridge),
    close() { closed = true; },
  };
}
