/**
 * A long operation as named steps, each with an undo that is registered as soon as there is something to undo. Steps may
 * run side by side: `undo` first waits for those still under way, so that nothing is made behind its back.
 */
import type { Reporter } from '../ui/events.ts';
import { errorText, factsOf } from '../ui/error-text.ts';
import { paint } from '../ui/terminal.ts';

export interface StepContext {
  /** Aborted when the whole operation is given up (Ctrl-C, failure of a step beside this one). */
  signal: AbortSignal;
  /** What the step waits for just now; the same words twice are told once. */
  waiting: (waitingFor: string) => void;
  /** From now on this has to be undone. `title` says what is done then: `remove the container`. */
  undo: (title: string, action: UndoAction) => UndoHandle;
}

/** `force` aborts when the user insists (second Ctrl-C): stop waiting for anything graceful. */
export type UndoAction = (force: AbortSignal, waiting: (waitingFor: string) => void) => Promise<void>;

export interface UndoHandle {
  /** Undo it before everything that has been registered so far. */
  first(): void;
}

export interface Step<T> {
  id: string;
  title: string;
  act: (context: StepContext) => Promise<T>;
  /** Few words about the result, for the line that says it is done. */
  detail?: (result: T) => string | undefined;
}

interface Undo {
  /** Position of its step: steps are undone in reverse order of their start. */
  order: number;
  /** Within a step: what was made last goes first. */
  sequence: number;
  title: string;
  action: UndoAction;
}

/** What several views of one operation have in common. */
interface Operation {
  abort: AbortController;
  running: Set<Promise<unknown>>;
  undos: Undo[];
  started: number;
}

export class Steps {
  readonly #reporter: Reporter;
  readonly #now: () => number;
  readonly #operation: Operation;

  constructor(reporter: Reporter, now: () => number, operation: Operation = { abort: new AbortController(), running: new Set(), undos: [], started: 0 }) {
    this.#reporter = reporter;
    this.#now = now;
    this.#operation = operation;
  }

  /** The same operation, told by another reporter: where several do the same side by side, each under its name. */
  toldBy(reporter: Reporter): Steps {
    return new Steps(reporter, this.#now, this.#operation);
  }

  get signal(): AbortSignal {
    return this.#operation.abort.signal;
  }

  /** Gives up: running steps see their signal. Does not undo by itself. */
  abort(reason: unknown): void {
    this.#operation.abort.abort(reason);
  }

  async run<T>({ id, title, act, detail }: Step<T>): Promise<T> {
    this.#operation.abort.signal.throwIfAborted();
    const order = this.#operation.started++;
    const start = this.#now();
    let told = '';
    this.#reporter.emit({ type: 'step-started', id, title, at: start });
    const waiting = (waitingFor: string) => {
      if (waitingFor === told) return;
      told = waitingFor;
      this.#reporter.emit({ type: 'step-waiting', id, waitingFor, at: this.#now() });
    };
    const acting = act({ signal: this.#operation.abort.signal, waiting, undo: (undoTitle, action) => this.#register(order, undoTitle, action) });
    this.#operation.running.add(acting);
    try {
      const result = await acting;
      const words = detail?.(result);
      this.#reporter.emit({ type: 'step-done', id, title, ...(words === undefined ? {} : { detail: words }), elapsedMs: this.#now() - start, at: this.#now() });
      return result;
    } catch (error) {
      this.#reporter.emit({ type: this.#operation.abort.signal.aborted ? 'step-abandoned' : 'step-failed', id, title, elapsedMs: this.#now() - start, at: this.#now() });
      throw error;
    } finally {
      this.#operation.running.delete(acting);
    }
  }

  /** Something made outside a step that has to be undone with the rest, before all that was started earlier. */
  onUndo(title: string, action: UndoAction): UndoHandle {
    return this.#register(this.#operation.started++, title, action);
  }

  #register(order: number, title: string, action: UndoAction): UndoHandle {
    const undo: Undo = { order, sequence: this.#operation.undos.length, title, action };
    this.#operation.undos.push(undo);
    return { first: () => void (undo.order = this.#operation.started++) };
  }

  /** Forgets every undo: what was made stays (`--detach`, `--retain`). */
  keep(): void {
    this.#operation.undos = [];
  }

  /** Undoes in reverse. One that fails is told as a warning and the others go on. Returns the titles of those that failed. Nothing to undo: nothing happens. */
  async undo(force: AbortSignal = new AbortController().signal): Promise<string[]> {
    this.abort(new Error('the operation is being undone'));
    await Promise.allSettled([...this.#operation.running]);
    const failed: string[] = [];
    const undos = this.#operation.undos.sort((a, b) => b.order - a.order || b.sequence - a.sequence);
    this.#operation.undos = [];
    for (const { title, action } of undos) {
      const id = `undo-${title}`;
      const start = this.#now();
      this.#reporter.emit({ type: 'step-started', id, title, at: start });
      try {
        await action(force, (waitingFor) => this.#reporter.emit({ type: 'step-waiting', id, waitingFor, at: this.#now() }));
        this.#reporter.emit({ type: 'step-undone', id, title, at: this.#now() });
      } catch (error) {
        failed.push(title);
        const facts = factsOf(error);
        this.#reporter.emit({ type: 'step-failed', id, title, elapsedMs: this.#now() - start, at: this.#now() });
        this.#reporter.emit({ type: 'warning', code: facts.code, text: errorText(facts, paint(false), false).replace(/^error: /, '').trimEnd(), at: this.#now() });
      }
    }
    return failed;
  }
}
