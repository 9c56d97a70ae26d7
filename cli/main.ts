/** Finds the command, runs it, puts its answer or its error where they belong, and returns the exit code. */
import { asTyped, typedFacts, typedReporter } from './advice.ts';
import { writeAnswer, formatObject } from './answer.ts';
import type { Command, Options, OutputFormat } from './command.ts';
import { isInterrupted } from './bridge/interrupts.ts';
import { commands, type CommandEntry } from './commands/index.ts';
import { BridgeError, exitCodes, type ErrorFacts } from './errors.ts';
import type { Host } from './host.ts';
import { globalOptions } from './parse/global-options.ts';
import type { Project } from './project/project.ts';
import type { Reporter } from './ui/events.ts';
import { version } from './version.ts';

/** Index of the first word that is neither an option nor the value of a global one. */
function commandIndex(argv: readonly string[]): number {
  const takesValue = new Set(globalOptions.filter((option) => option.value !== undefined).flatMap((option) => [`--${option.name}`, ...(option.short === undefined ? [] : [`-${option.short}`])]));
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === '--') return -1;
    if (takesValue.has(word)) index++;
    else if (!word.startsWith('-')) return index;
  }
  return -1;
}

/** The wanted form as far as it can be seen before parsing: a usage error must come in it too. */
function outputOf(argv: readonly string[], env: Host['env']): OutputFormat {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const text = own.includes('--json') ? 'json' : (/(?:^|\0)(?:-o[=\0]?|--output[=\0])(json|yaml|wide)(?:\0|$)/.exec(own.join('\0'))?.[1] ?? env.PODBRIDGE_OUTPUT);
  return text === 'json' || text === 'yaml' || text === 'wide' ? text : 'text';
}

async function findCommand(name: string, entries: readonly CommandEntry[]): Promise<Command> {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry.load();
  const { suggest } = await import('./parse/suggest.ts');
  const meant = suggest(name, entries.map((candidate) => candidate.name));
  throw new BridgeError({ kind: 'usage', code: 'command-unknown', what: `there is no command '${name}'`, ...(meant === undefined ? {} : { why: `did you mean '${meant}'?` }), next: meant === undefined ? 'bridge --help' : `bridge ${meant} --help` });
}

async function writeError(host: Host, output: OutputFormat, error: unknown, verbose: boolean): Promise<ErrorFacts> {
  const { errorObject, errorText, factsOf } = await import('./ui/error-text.ts');
  const facts = typedFacts(host.program, factsOf(error));
  if (output === 'json' || output === 'yaml') {
    host.stdout.write(await formatObject(errorObject(facts), output));
  } else {
    const { paint, wantsColor } = await import('./ui/terminal.ts');
    host.stderr.write(errorText(facts, paint(wantsColor(host)), verbose));
  }
  return facts;
}

/** The project file, if there is one; what it says for every command now stands in the options, where neither a flag nor a variable said otherwise. */
async function projectOf(command: Command, host: Host, options: Options, given: ReadonlySet<string>, reporter: Reporter): Promise<Project | undefined> {
  const { findProjectFile } = await import('./project/find-project-file.ts');
  const file = findProjectFile(host.cwd, typeof options.project === 'string' ? options.project : undefined);
  if (file === undefined) return undefined;
  const [{ readProject }, { applySettings }] = await Promise.all([import('./project/read-project.ts'), import('./project/apply.ts')]);
  const project = await readProject(file, host);
  if (!('error' in project)) {
    applySettings(project, command, options, given);
    return project;
  }
  const { withoutServices } = await import('./project/mistaken.ts');
  const { settings, warning } = withoutServices(project, command, given);
  reporter.emit({ type: 'warning', code: project.error.facts.code, text: warning, at: host.now() });
  applySettings({ settings }, command, options, given);
  return undefined;
}

export async function main(argv: readonly string[], host: Host, entries: readonly CommandEntry[] = commands): Promise<number> {
  let output = outputOf(argv, host.env);
  let verbose = argv.includes('--verbose');
  try {
    const index = commandIndex(argv);
    if (index === -1) {
      if (argv.includes('--version')) {
        await writeAnswer(host.stdout, output, { text: version, data: { version } });
        return exitCodes.ok;
      }
      const { programHelp } = await import('./parse/help.ts');
      if (argv.length === 0 || argv.includes('--help') || argv.includes('-h')) {
        (argv.length === 0 ? host.stderr : host.stdout).write(asTyped(host.program, programHelp(entries, version)));
        return argv.length === 0 ? exitCodes.usage : exitCodes.ok;
      }
      throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no command was given', next: 'bridge --help' });
    }
    const word = argv[index]!;
    if (word === '__complete') {
      const [{ completionLines }, { topics }] = await Promise.all([import('./complete/answer.ts'), import('./help/topics.ts')]);
      const [shell = '', ...words] = argv.slice(index + 1);
      const lines = await completionLines(host, shell, words, entries, topics.map(({ name, summary }) => ({ value: name, description: summary })));
      host.stdout.write(lines.map((line) => `${line}\n`).join(''));
      return exitCodes.ok;
    }
    if (word === 'help' && !entries.some((entry) => entry.name === 'help')) {
      const { topicText } = await import('./help/topics.ts');
      const text = topicText(argv[index + 1], entries.map(({ name }) => name));
      if (text === undefined) return await main([...argv.slice(index + 1), '--help'], host, entries);
      host.stdout.write(asTyped(host.program, text));
      return exitCodes.ok;
    }
    const command = await findCommand(word, entries);
    const { parse } = await import('./parse/parse.ts');
    const { options, given, args, rest } = parse(command, [...argv.slice(0, index), ...argv.slice(index + 1)], host.env);
    if (options.help === true) {
      const { commandHelp } = await import('./parse/help.ts');
      host.stdout.write(asTyped(host.program, commandHelp(command)));
      return exitCodes.ok;
    }
    verbose = options.verbose === true;
    const wanted = options.json === true ? 'json' : options.output;
    output = wanted === 'json' || wanted === 'yaml' || wanted === 'wide' ? wanted : 'text';
    const { chooseReporter } = await import('./ui/choose.ts');
    const reporter = typedReporter(host.program, await chooseReporter(host, output, options.progress as 'auto' | 'plain' | 'json' | 'none'));
    try {
      const project = command.takesProject === 'nothing' ? undefined : await projectOf(command, host, options, given, reporter);
      const result = await command.run({ host, reporter, output, options, given, args, rest, ...(project === undefined ? {} : { project }) }).catch(async (error: unknown) => {
        throw project === undefined ? error : (await import('./project/file-words.ts')).withPlace(error, project, given);
      });
      await reporter.release?.();
      await writeAnswer(host.stdout, output, result);
      return result.exitCode ?? exitCodes.ok;
    } finally {
      await reporter.release?.();
    }
  } catch (error) {
    if (isInterrupted(error)) return error.exitCode;
    const facts = await writeError(host, output, error, verbose);
    return facts.exitCode ?? exitCodes[facts.kind];
  }
}
