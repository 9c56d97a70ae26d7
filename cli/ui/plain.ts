/** The story as lines: one when a step ends, and one now and then while a long one waits, so that a CI log never looks hung. */
import type { Writable } from 'node:stream';
import { timing } from '../timing.ts';
import { elapsed } from './elapsed.ts';
import type { Reporter, UiEvent } from './events.ts';
import type { Paint } from './terminal.ts';

interface Running {
  title: string;
  startedAt: number;
  saidAt: number;
}

export function plainReporter(stderr: Writable, paint: Paint): Reporter {
  const running = new Map<string, Running>();
  const line = (text: string) => stderr.write(`${text}\n`);
  return {
    emit(event: UiEvent) {
      switch (event.type) {
        case 'step-started':
          running.set(event.id, { title: event.title, startedAt: event.at, saidAt: event.at });
          break;
        case 'step-waiting': {
          const step = running.get(event.id);
          if (step !== undefined && event.at - step.saidAt >= timing.waitingLineIntervalMs) {
            step.saidAt = event.at;
            line(`  ${step.title}: ${event.waitingFor} ${paint.dim(elapsed(event.at - step.startedAt))}`);
          }
          break;
        }
        case 'step-done':
          running.delete(event.id);
          line(`${paint.green('✓')} ${event.title}${event.detail === undefined ? '' : `: ${event.detail}`} ${paint.dim(elapsed(event.elapsedMs))}`);
          break;
        case 'step-failed':
          running.delete(event.id);
          line(`${paint.red('✗')} ${event.title} ${paint.dim(elapsed(event.elapsedMs))}`);
          break;
        case 'step-abandoned':
          running.delete(event.id);
          break;
        case 'step-undone':
          line(`${paint.dim('↩')} ${event.title}`);
          break;
        case 'note':
          line(event.text);
          break;
        case 'warning':
          line(`${paint.yellow('warning')}: ${event.text}${event.next === undefined ? '' : `\n  next: ${event.next}`}`);
          break;
      }
    },
  };
}
