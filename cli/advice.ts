/**
 * The one place that decides how a command of ours is written for somebody to type. Texts say `bridge COMMAND`, as documents do; where
 * they leave the program (errors, the story on stderr, help, hints of answers) they pass here and say what this caller can type.
 */
import { commands } from './commands/index.ts';
import type { ErrorFacts } from './errors.ts';
import type { Program } from './host.ts';
import type { Reporter } from './ui/events.ts';

/** `bridge list`, not the bridge of a sentence, and not what is spelt out as a plugin's call. */
const typed = new RegExp(String.raw`(?<![\w./-]|kubectl |docker )bridge (?=(?:${[...commands.map(({ name }) => name), 'help', 'COMMAND'].join('|')})(?![\w-])|--)`, 'g');

export function asTyped(program: Program, text: string): string {
  return program === 'bridge' ? text : text.replaceAll(typed, `${program} `);
}

/** Details are foreign words, except in a usage error, where they are the usage. */
export function typedFacts(program: Program, facts: ErrorFacts): ErrorFacts {
  const words = (text: string): string => asTyped(program, text);
  const { what, why, next, detail, kind } = facts;
  return { ...facts, what: words(what), ...(why === undefined ? {} : { why: words(why) }), ...(next === undefined ? {} : { next: words(next) }), ...(detail === undefined ? {} : { detail: kind === 'usage' ? words(detail) : detail }) };
}

/** Notes and warnings; titles of steps name things and advise nothing. */
export function typedReporter(program: Program, reporter: Reporter): Reporter {
  return {
    emit(event) {
      if (event.type === 'note') reporter.emit({ ...event, text: asTyped(program, event.text) });
      else if (event.type === 'warning') reporter.emit({ ...event, text: asTyped(program, event.text), ...(event.next === undefined ? {} : { next: asTyped(program, event.next) }) });
      else reporter.emit(event);
    },
    ...(reporter.release === undefined ? {} : { release: () => reporter.release!() }),
    ...(reporter.share === undefined ? {} : { share: () => reporter.share!() }),
  };
}
