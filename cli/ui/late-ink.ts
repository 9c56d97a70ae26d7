/**
 * Ink for what takes long: it is loaded only when a step has been running for a moment, because loading it costs more than
 * a warm `bridge run` takes. Finished steps are plain lines above the live region either way.
 */
import { Writable } from 'node:stream';
import type { Host } from '../host.ts';
import { timing } from '../timing.ts';
import type { Reporter, UiEvent } from './events.ts';
import { plainReporter } from './plain.ts';
import { stepStore, type StepStore } from './step-store.ts';
import { paint, wantsColor } from './terminal.ts';

/** A mounted live region. */
export interface Drawing {
  /** Prints lines above the live region. */
  print(lines: string): void;
  unmount(): Promise<void>;
}

export type Draw = (host: Host, store: StepStore) => Drawing;

export function lateInkReporter(host: Host, draw?: Draw): Reporter {
  const store = stepStore();
  let drawing: Drawing | undefined;
  let mounting: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let shared = false;
  const lines = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      if (drawing === undefined) host.stderr.write(chunk);
      else drawing.print(chunk);
      done();
    },
  });
  const plain = plainReporter(lines, paint(wantsColor(host)));

  async function mount(): Promise<void> {
    const start = draw ?? (await import('./ink/draw.ts')).draw;
    // Everything may have ended while Ink was being loaded.
    if (timer !== undefined && store.running().length > 0) drawing = start(host, store);
  }

  function arm(): void {
    timer ??= setTimeout(() => {
      mounting = mount();
    }, timing.inkDelayMs);
  }

  async function release(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    await mounting;
    mounting = undefined;
    await drawing?.unmount();
    drawing = undefined;
  }

  return {
    emit(event: UiEvent) {
      store.accept(event);
      // The live region shows what is waited for; lines of it would only repeat that.
      if (!(event.type === 'step-waiting' && drawing !== undefined)) plain.emit(event);
      if (event.type === 'step-started' && drawing === undefined && !shared) arm();
    },
    release,
    share() {
      shared = true;
      return release();
    },
  };
}
