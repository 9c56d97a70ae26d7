/** Draws the lines of cli/status/screen in the terminal's other screen buffer, and passes keys on. Everything is given back at the end, whatever it was. */
import { Box, Text, render, useInput, useWindowSize } from 'ink';
import { createElement as h, useSyncExternalStore, type ReactElement } from 'react';
import type { Host, Program } from '../../host.ts';
import type { Key } from '../../status/screen/keys.ts';
import { screenLines } from '../../status/screen/layout.ts';
import type { Line, Signs, Style } from '../../status/screen/line.ts';
import type { ScreenStore } from '../../status/screen/store.ts';

/** Blue and orange tones differ for everybody; a sign or a word says the same. */
const styles: Record<Style, { color?: string; dimColor?: boolean; bold?: boolean; inverse?: boolean }> = {
  bold: { bold: true }, dim: { dimColor: true }, good: { color: 'blueBright' }, warn: { color: 'yellow' }, bad: { color: 'magentaBright', bold: true }, accent: { color: 'cyan' }, inverse: { inverse: true },
};
const withoutColor: Record<Style, { bold?: boolean; inverse?: boolean }> = { bold: { bold: true }, dim: {}, good: {}, warn: {}, bad: { bold: true }, accent: { bold: true }, inverse: { inverse: true } };

export interface StatusScreenProps {
  store: ScreenStore;
  signs: Signs;
  program: Program;
  color: boolean;
  onKey: (key: Key) => void;
  clock: () => number;
}

function Row({ line, color }: { line: Line; color: boolean }): ReactElement {
  return h(Text, { wrap: 'truncate' }, ...line.map(({ text, style }, index) => h(Text, { key: index, ...(style === undefined ? {} : (color ? styles : withoutColor)[style]) }, text)),
    // A line without any character would take no room.
    line.every(({ text }) => text === '') ? ' ' : '');
}

export function StatusScreen({ store, signs, program, color, onKey, clock }: StatusScreenProps): ReactElement {
  const { snapshot, view } = useSyncExternalStore((listener) => store.subscribe(listener), () => store.state());
  const { columns, rows } = useWindowSize();
  useInput((input, key) => {
    const name = key.ctrl && input === 'c' ? 'ctrl-c' : key.upArrow ? 'up' : key.downArrow ? 'down' : key.escape ? 'escape' : key.return ? 'enter' : key.backspace || key.delete ? 'backspace' : undefined;
    if (name !== undefined) onKey({ input: '', name });
    // Several characters may arrive at once (a paste, a slow line): each is a key, also Enter among them.
    else if (!key.ctrl && !key.meta) for (const character of input) onKey(character === '\r' || character === '\n' ? { input: '', name: 'enter' } : { input: character });
  });
  const lines = screenLines(snapshot, view, { columns, rows, signs, program, now: clock() });
  return h(Box, { flexDirection: 'column' }, ...lines.map((line, index) => h(Row, { key: index, line, color })));
}

export interface ShownScreen {
  /** Resolves when the terminal is as it was. */
  close(): Promise<void>;
  /** Rejects when drawing itself broke. */
  ended: Promise<unknown>;
}

export function showStatus(host: Pick<Host, 'stdin' | 'stdout'>, props: StatusScreenProps): ShownScreen {
  const app = render(h(StatusScreen, props), { stdout: host.stdout, stdin: host.stdin, exitOnCtrlC: false, patchConsole: false, alternateScreen: true, incrementalRendering: true, interactive: true });
  const ended = app.waitUntilExit();
  ended.catch(() => undefined);
  return {
    ended,
    async close() {
      app.unmount();
      await ended.catch(() => undefined);
    },
  };
}
