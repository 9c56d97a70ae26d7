/** Options that every command has. A command that describes one of the same name itself replaces it. */
import type { OptionSpec } from '../command.ts';

export const outputChoices = ['text', 'wide', 'json', 'yaml'] as const;
export const progressChoices = ['auto', 'plain', 'json', 'none'] as const;

export const globalOptions: readonly OptionSpec[] = [
  { name: 'context', description: 'kubeconfig context', value: { placeholder: 'NAME' }, env: 'PODBRIDGE_CONTEXT', file: { of: 'project' } },
  { name: 'kubeconfig', description: 'kubeconfig file', value: { placeholder: 'FILE' }, env: 'PODBRIDGE_KUBECONFIG', file: { of: 'project', form: 'path' } },
  { name: 'namespace', short: 'n', description: 'namespace (default: the context\'s)', value: { placeholder: 'NAME' }, env: 'PODBRIDGE_NAMESPACE', file: { of: 'project and service' } },
  { name: 'project', description: 'the project file (default: bridge.yaml here or in a folder above), or none', value: { placeholder: 'FILE' }, env: 'PODBRIDGE_PROJECT', file: false },
  { name: 'output', short: 'o', description: 'form of the answer on stdout', value: { placeholder: 'FORMAT', choices: outputChoices }, env: 'PODBRIDGE_OUTPUT', file: false },
  { name: 'json', description: 'the same as -o json', file: false },
  { name: 'progress', description: 'form of the story on stderr', value: { placeholder: 'FORM', choices: progressChoices }, default: 'auto', env: 'PODBRIDGE_PROGRESS', file: false },
  { name: 'yes', short: 'y', description: 'answer every question with yes', env: 'PODBRIDGE_YES', file: false },
  { name: 'verbose', description: 'show the details of errors', env: 'PODBRIDGE_VERBOSE', file: false },
  { name: 'help', short: 'h', description: 'show this help', file: false },
];

/** The command's own options, then the global ones that it does not replace. */
export function allOptions(own: readonly OptionSpec[] = []): OptionSpec[] {
  const names = new Set(own.map((option) => option.name));
  const shorts = new Set(own.map((option) => option.short));
  return [
    ...own,
    ...globalOptions.filter((option) => !names.has(option.name)).map((option) => (option.short !== undefined && shorts.has(option.short) ? { ...option, short: undefined } : option)),
  ];
}
