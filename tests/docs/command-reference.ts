/** docs/commands.md, from the commands' own descriptions. */
import type { Command, OptionSpec } from '../../cli/command.ts';
import { commands } from '../../cli/commands/index.ts';
import { exitCodes } from '../../cli/errors.ts';
import { globalOptions } from '../../cli/parse/global-options.ts';
import { optionTerm, usageLine } from '../../cli/parse/help.ts';

export const referenceFile = 'docs/commands.md';

export function cell(text: string): string {
  // What stands in <> would be taken for HTML, and | for the end of the cell.
  return text.replaceAll('|', String.raw`\|`).replaceAll('<', '&lt;');
}

export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headings, headings.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function optionTable(options: readonly OptionSpec[]): string {
  return table(['option', 'meaning', 'variable'], options.map((option) => {
    const notes = [
      ...(option.value?.choices === undefined ? [] : [`one of ${option.value.choices.join(', ')}`]),
      ...(typeof option.default === 'string' ? [`default ${option.default}`] : []),
      ...(option.repeatable === true ? ['may be repeated'] : []),
    ];
    return [`\`${optionTerm(option).trim()}\``, cell([option.description, ...notes].join('; ')), option.env === undefined ? '' : `\`${option.env}\``];
  }));
}

function section(command: Command): string {
  const { name, summary, description, options = [], examples = [] } = command;
  const given = command.arguments ?? [];
  return [
    `## bridge ${name}`,
    `${summary}.`,
    `\`\`\`\n${usageLine(command)}\n\`\`\``,
    ...(description === undefined ? [] : [cell(description.trim())]),
    ...(given.length === 0 ? [] : [table(['argument', 'meaning'], given.map((argument) => [`\`${argument.name.toUpperCase()}\``, cell(argument.description)]))]),
    ...(options.length === 0 ? [] : [optionTable(options)]),
    ...(examples.length === 0 ? [] : [`\`\`\`sh\n${examples.map((example) => `# ${example.explains}\n${example.command}`).join('\n\n')}\n\`\`\``]),
  ].join('\n\n');
}

const codes: Record<keyof typeof exitCodes, string> = {
  ok: 'done', defect: 'a defect of podbridge', usage: 'wrong use: options, names, rules', environment: 'Docker, the cluster or the link', refused: 'missing rights, or a conflict with what exists',
  timeout: 'something did not happen in time', notRun: '`bridge run`: podbridge failed before the container ran', notFound: '`bridge run`: the program was not found in the image, as with `docker run`',
};

export async function commandReference(): Promise<string> {
  const loaded = await Promise.all(commands.map((entry) => entry.load()));
  return `${[
    '# Commands',
    'Written by `npm run docs` from the descriptions in [cli/commands](../cli/commands), which `bridge COMMAND --help` shows too.',
    table(['command', 'what it does'], loaded.map(({ name, summary }) => [`[${name}](#bridge-${name})`, cell(summary)])),
    '## Options of every command',
    optionTable(globalOptions),
    ...loaded.map(section),
    '## Exit codes',
    table(['code', 'meaning'], Object.entries(codes).map(([key, words]) => [String(exitCodes[key as keyof typeof exitCodes]), words])),
    'In the foreground `bridge run` ends with the code of the container, or with 130 after Ctrl-C and 143 after SIGTERM.',
  ].join('\n\n')}\n`;
}
