/** The one stream of events that Ink, plain lines and JSON lines are all drawn from. It goes to stderr; answers go to stdout. */

export type UiEvent =
  /** A named step begins; `waiting` updates tell what it waits for; it ends done, failed or undone. */
  | { type: 'step-started'; id: string; title: string; at: number }
  | { type: 'step-waiting'; id: string; waitingFor: string; at: number }
  | { type: 'step-done'; id: string; title: string; detail?: string; elapsedMs: number; at: number }
  | { type: 'step-failed'; id: string; title: string; elapsedMs: number; at: number }
  /** Given up because of something else: a step beside it failed, or Ctrl-C. */
  | { type: 'step-abandoned'; id: string; title: string; elapsedMs: number; at: number }
  | { type: 'step-undone'; id: string; title: string; at: number }
  | { type: 'note'; text: string; at: number }
  | { type: 'warning'; code: string; text: string; next?: string; at: number };

/** Where steps report. Every long operation takes one. */
export interface Reporter {
  emit(event: UiEvent): void;
  /** Takes its live drawing off the terminal, so that something else may write there; the next event may draw again. */
  release?(): Promise<void>;
  /** The same for good: another program writes to this terminal from now on. */
  share?(): Promise<void>;
}
