/** Help texts from the commands' descriptions; no parser is loaded for them. */
import type { Command, OptionSpec } from '../command.ts';
import { allOptions, globalOptions } from './global-options.ts';

function columns(rows: [left: string, right: string][]): string {
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)));
  return rows.map(([left, right]) => (left.length > width ? `  ${left}\n  ${' '.repeat(width)}  ${right}` : `  ${left.padEnd(width)}  ${right}`)).join('\n');
}

export function optionTerm(option: OptionSpec): string {
  const value = option.value === undefined ? '' : ` ${option.value.placeholder}`;
  return `${option.short === undefined ? '    ' : `-${option.short}, `}--${option.name}${value}`;
}

function optionRow(option: OptionSpec): [string, string] {
  const facts = [
    ...(option.value?.choices === undefined ? [] : [option.value.choices.join('|')]),
    ...(typeof option.default === 'string' ? [`default ${option.default}`] : []),
    ...(option.repeatable === true ? ['repeatable'] : []),
    ...(option.env === undefined ? [] : [`$${option.env}`]),
  ];
  return [optionTerm(option), `${option.description}${facts.length === 0 ? '' : ` (${facts.join('; ')})`}`];
}

export function usageLine(command: Command): string {
  const args = (command.arguments ?? []).map((argument) => {
    const name = `${argument.name.toUpperCase()}${argument.variadic === true ? '...' : ''}`;
    return argument.required === true ? name : `[${name}]`;
  });
  return ['bridge', command.name, '[OPTIONS]', ...args, ...(command.takesRest === true ? ['[-- COMMAND...]'] : [])].join(' ');
}

export function commandHelp(command: Command): string {
  const own = command.options ?? [];
  const inherited = allOptions(own).filter((option) => !own.includes(option));
  const sections = [
    `${command.summary}.\n\nUsage: ${usageLine(command)}`,
    ...(command.description === undefined ? [] : [command.description.trim()]),
    ...((command.arguments ?? []).length === 0 ? [] : [`Arguments:\n${columns(command.arguments!.map((argument) => [argument.name.toUpperCase(), argument.description]))}`]),
    ...(own.length === 0 ? [] : [`Options:\n${columns(own.map(optionRow))}`]),
    `Options of every command:\n${columns(inherited.map(optionRow))}`,
    ...(command.examples === undefined ? [] : [`Examples:\n${command.examples.map(({ command: line, explains }) => `  # ${explains}\n  ${line}`).join('\n\n')}`]),
  ];
  return `${sections.join('\n\n')}\n`;
}

export function programHelp(commands: readonly { name: string; summary: string }[], version: string): string {
  return [
    `podbridge ${version}: run a container of this machine as if it were a pod of a Kubernetes cluster.`,
    'Usage: bridge COMMAND [OPTIONS]',
    `Commands:\n${columns(commands.map(({ name, summary }) => [name, summary]))}`,
    `Options of every command:\n${columns([...globalOptions.map(optionRow), ['    --version', 'show the version']])}`,
    'Begin with:  bridge run --image myapp:dev --target deploy/api\nMore on one command:  bridge COMMAND --help\nMore on a topic:      bridge help rules|exit-codes|output|environment|troubleshooting',
  ].join('\n\n') + '\n';
}
