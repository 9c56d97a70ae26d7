/** What is going on, outside of any drawing: fed by events, read by whoever draws. */
import type { UiEvent } from './events.ts';

export interface RunningStep {
  id: string;
  title: string;
  waitingFor?: string;
  startedAt: number;
}

export interface StepStore {
  accept(event: UiEvent): void;
  running(): readonly RunningStep[];
  /** Called after each change until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

export function stepStore(): StepStore {
  const listeners = new Set<() => void>();
  let steps: readonly RunningStep[] = [];
  return {
    accept(event) {
      if (event.type === 'step-started') steps = [...steps.filter((step) => step.id !== event.id), { id: event.id, title: event.title, startedAt: event.at }];
      else if (event.type === 'step-waiting') steps = steps.map((step) => (step.id === event.id ? { ...step, waitingFor: event.waitingFor } : step));
      else if (event.type === 'note' || event.type === 'warning') return;
      else steps = steps.filter((step) => step.id !== event.id && !(event.type === 'step-undone' && step.title === event.title));
      for (const listener of listeners) listener();
    },
    running: () => steps,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
