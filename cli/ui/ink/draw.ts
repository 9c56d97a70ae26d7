/** The live region: one line for each running step, with a spinner, what it waits for and how long it has taken. */
import { Box, Static, Text, render } from 'ink';
import { createElement as h, useEffect, useState, useSyncExternalStore, type ReactElement } from 'react';
import type { Host } from '../../host.ts';
import { timing } from '../../timing.ts';
import { elapsed } from '../elapsed.ts';
import type { Drawing } from '../late-ink.ts';
import type { RunningStep, StepStore } from '../step-store.ts';
import { wantsColor } from '../terminal.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** The region must stay shorter than the screen, or the terminal cannot take it back. */
const mostLines = 8;

interface Printed {
  lines(): readonly string[];
  subscribe(listener: () => void): () => void;
}

export interface ProgressProps {
  store: StepStore;
  printed: Printed;
  now: () => number;
  color: boolean;
  /** The live lines go; what was printed stays. */
  over?: boolean;
}

function Line({ step, frame, at, color }: { step: RunningStep; frame: number; at: number; color: boolean }): ReactElement {
  return h(Text, { wrap: 'truncate' },
    h(Text, color ? { color: 'cyan' } : {}, frames[frame % frames.length]), ` ${step.title}`,
    step.waitingFor === undefined ? '' : h(Text, color ? { dimColor: true } : {}, `: ${step.waitingFor}`),
    h(Text, color ? { dimColor: true } : {}, ` ${elapsed(at - step.startedAt)}`));
}

export function Progress({ store, printed, now, color, over = false }: ProgressProps): ReactElement {
  const steps = useSyncExternalStore((listener) => store.subscribe(listener), () => store.running());
  const lines = useSyncExternalStore((listener) => printed.subscribe(listener), () => printed.lines());
  const [frame, setFrame] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setFrame((current) => current + 1), timing.spinnerIntervalMs);
    return () => clearInterval(timer);
  }, []);
  const at = now();
  return h(Box, { flexDirection: 'column' },
    h(Static<string>, { items: [...lines], children: (line: string, index: number) => h(Text, { key: index }, line) }),
    ...(over ? [] : steps).slice(0, mostLines).map((step) => h(Line, { key: step.id, step, frame, at, color })));
}

export function draw(host: Host, store: StepStore): Drawing {
  let lines: readonly string[] = [];
  const listeners = new Set<() => void>();
  const printed: Printed = {
    lines: () => lines,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const view = (over: boolean) => h(Progress, { store, printed, now: () => host.now(), color: wantsColor(host), over });
  const app = render(view(false), { stdout: host.stderr, stdin: host.stdin, exitOnCtrlC: false, patchConsole: false });
  return {
    print(text) {
      lines = [...lines, ...text.replace(/\n$/, '').split('\n')];
      for (const listener of listeners) listener();
    },
    async unmount() {
      // The live lines must not stay behind as if they were still going on.
      app.rerender(view(true));
      await app.waitUntilRenderFlush();
      app.unmount();
      await app.waitUntilExit();
    },
  };
}
