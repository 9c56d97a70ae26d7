/** The screen's state, outside of React: fed by looks and keys, read by whoever draws. */
import type { StatusSnapshot } from '../snapshot.ts';
import { firstView, press, reselect, type Effect, type Key, type Notice, type View } from './keys.ts';

const mostLogLines = 1000;

export interface ScreenState {
  snapshot: StatusSnapshot | undefined;
  view: View;
}

export interface ScreenStore {
  state(): ScreenState;
  look(snapshot: StatusSnapshot): void;
  /** What the key asks for beyond the screen. */
  key(key: Key): Effect | undefined;
  notice(notice: Notice): void;
  log(line: string): void;
  subscribe(listener: () => void): () => void;
}

export function screenStore(): ScreenStore {
  let state: ScreenState = { snapshot: undefined, view: firstView };
  const listeners = new Set<() => void>();
  const set = (next: Partial<ScreenState>) => {
    state = { ...state, ...next };
    for (const listener of [...listeners]) listener();
  };
  return {
    state: () => state,
    look: (snapshot) => set({ snapshot, view: state.view.mode === 'main' ? reselect(state.view, snapshot) : state.view }),
    key(key) {
      const { view, effect } = press(state.view, key, state.snapshot);
      set({ view });
      return effect;
    },
    notice: (notice) => set({ view: { ...state.view, notice } }),
    log: (line) => { if (state.view.mode === 'logs' || state.view.mode === 'requests') set({ view: { ...state.view, log: [...state.view.log, line].slice(-mostLogLines) } }); },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
