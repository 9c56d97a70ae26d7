import type { Reporter } from './events.ts';

/** Steps of several runs side by side, told apart by the service's name. What all say (that they stop) is told once. */
export function namedReporters(reporter: Reporter): (name: string) => Reporter {
  let lastNote = '';
  return (name) => ({
    emit(event) {
      if (event.type === 'note') {
        if (event.text !== lastNote) reporter.emit(event);
        lastNote = event.text;
      } else if (event.type === 'warning') reporter.emit({ ...event, text: `${name}: ${event.text}` });
      else reporter.emit({ ...event, id: `${name}-${event.id}`, ...('title' in event ? { title: `${name}: ${event.title}` } : {}) });
    },
    ...(reporter.release === undefined ? {} : { release: () => reporter.release!() }),
    ...(reporter.share === undefined ? {} : { share: () => reporter.share!() }),
  });
}
