/** What keys do, as a function from one view to the next: the drawing only passes them on. */
import type { StatusBridge, StatusSnapshot } from '../snapshot.ts';
import { bridgeKey, shownBridges } from './layout.ts';

export interface Notice {
  text: string;
  severity: 'info' | 'warning' | 'error';
}

export interface View {
  mode: 'main' | 'help' | 'logs' | 'requests' | 'filter' | 'confirm-stop';
  /** `namespace/name`. */
  selected: string | undefined;
  filter: string;
  notice: Notice | undefined;
  /** Lines of the log, or of the requests, that are shown. */
  log: readonly string[];
}

export const firstView: View = { mode: 'main', selected: undefined, filter: '', notice: undefined, log: [] };

export interface Key {
  /** The characters, empty for a key without. */
  input: string;
  name?: 'up' | 'down' | 'escape' | 'enter' | 'backspace' | 'ctrl-c';
}

export type Effect =
  | { type: 'quit' }
  | { type: 'stop' | 'restart' | 'copy' | 'follow-log' | 'follow-requests'; bridge: StatusBridge }
  | { type: 'leave-log' };

export interface Pressed {
  view: View;
  effect?: Effect;
}

export function selectedBridge(view: View, snapshot: StatusSnapshot | undefined): StatusBridge | undefined {
  return snapshot === undefined ? undefined : shownBridges(snapshot, view.filter).find((bridge) => bridgeKey(bridge) === view.selected);
}

/** After each look, and each change of the filter: something is selected if there is something. */
export function reselect(view: View, snapshot: StatusSnapshot | undefined): View {
  if (snapshot === undefined || selectedBridge(view, snapshot) !== undefined) return view;
  const [first] = shownBridges(snapshot, view.filter);
  const selected = first === undefined ? undefined : bridgeKey(first);
  return selected === view.selected ? view : { ...view, selected };
}

function move(view: View, snapshot: StatusSnapshot | undefined, step: number): View {
  if (snapshot === undefined) return view;
  const shown = shownBridges(snapshot, view.filter).map(bridgeKey);
  const at = shown.indexOf(view.selected ?? '');
  const next = shown[Math.min(shown.length - 1, Math.max(0, at + step))];
  return next === undefined ? view : { ...view, selected: next };
}

function filterKey(view: View, { input, name }: Key, snapshot: StatusSnapshot | undefined): View {
  if (name === 'escape') return reselect({ ...view, mode: 'main', filter: '' }, snapshot);
  if (name === 'enter') return { ...view, mode: 'main' };
  if (name === 'backspace') return reselect({ ...view, filter: view.filter.slice(0, -1) }, snapshot);
  return name === undefined ? reselect({ ...view, filter: view.filter + input }, snapshot) : view;
}

export function press(before: View, key: Key, snapshot: StatusSnapshot | undefined): Pressed {
  const view: View = { ...before, notice: undefined };
  if (key.name === 'ctrl-c') return { view, effect: { type: 'quit' } };
  if (view.mode === 'filter') return { view: filterKey(view, key, snapshot) };
  const bridge = selectedBridge(view, snapshot);
  if (view.mode === 'confirm-stop') {
    const main: View = { ...view, mode: 'main' };
    return key.input.toLowerCase() === 'y' && bridge !== undefined ? { view: { ...main, notice: { severity: 'info', text: `Stopping ${bridgeKey(bridge)} ...` } }, effect: { type: 'stop', bridge } } : { view: main };
  }
  if (key.input === 'q') return { view, effect: { type: 'quit' } };
  if (view.mode === 'logs' || view.mode === 'requests') return key.name === 'escape' || key.input === (view.mode === 'logs' ? 'l' : 't') ? { view: { ...view, mode: 'main', log: [] }, effect: { type: 'leave-log' } } : { view };
  if (view.mode === 'help') return { view: { ...view, mode: 'main' } };
  if (key.name === 'up' || key.input === 'k') return { view: move(view, snapshot, -1) };
  if (key.name === 'down' || key.input === 'j') return { view: move(view, snapshot, 1) };
  if (key.name === 'escape') return { view: reselect({ ...view, filter: '' }, snapshot) };
  if (key.input === '?') return { view: { ...view, mode: 'help' } };
  if (key.input === '/') return { view: { ...view, mode: 'filter' } };
  if (!['l', 't', 's', 'r', 'c'].includes(key.input)) return { view };
  const say = (severity: Notice['severity'], text: string): Pressed => ({ view: { ...view, notice: { severity, text } } });
  if (bridge === undefined) return say('warning', 'There is no bridge to do this with');
  switch (key.input) {
    case 's': return { view: { ...view, mode: 'confirm-stop' } };
    case 'c': return bridge.curl === null ? say('warning', 'Its rules cannot be put into a curl line') : { view: { ...view, notice: { severity: 'info', text: `Copied: ${bridge.curl}` } }, effect: { type: 'copy', bridge } };
    case 't': return bridge.ports.some(({ protocol }) => protocol === 'TCP') ? { view: { ...view, mode: 'requests', log: [] }, effect: { type: 'follow-requests', bridge } } : say('warning', `${bridge.name} has no TCP port`);
    default:
      if (bridge.container === null) return say('warning', `The container of ${bridge.name} is not on this machine`);
      if (key.input === 'l') return { view: { ...view, mode: 'logs', log: [] }, effect: { type: 'follow-log', bridge } };
      return { view: { ...view, notice: { severity: 'info', text: `Restarting ${bridge.container} ...` } }, effect: { type: 'restart', bridge } };
  }
}
