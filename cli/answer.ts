/** Puts a command's answer on stdout: text as it is, or one object as JSON or YAML. */
import type { Writable } from 'node:stream';
import type { CommandResult, OutputFormat } from './command.ts';

export async function formatObject(data: unknown, output: 'json' | 'yaml'): Promise<string> {
  if (output === 'json') return `${JSON.stringify(data, null, 2)}\n`;
  // Its default export: in the bundle a CommonJS module that is imported lazily has no other.
  const { default: { stringify } } = await import('yaml');
  return stringify(data);
}

/** `kubectl apply -f -` takes it. */
export async function formatDocuments(documents: unknown[]): Promise<string> {
  const { default: { stringify } } = await import('yaml');
  return documents.map((document) => `---\n${stringify(document, { aliasDuplicateObjects: false })}`).join('');
}

export async function writeAnswer(stdout: Writable, output: OutputFormat, result: CommandResult): Promise<void> {
  if (output === 'yaml' && result.documents !== undefined) {
    stdout.write(await formatDocuments(result.documents));
    return;
  }
  if (output === 'json' || output === 'yaml') {
    if (result.data !== undefined) stdout.write(await formatObject(result.data, output));
    return;
  }
  if (result.text !== undefined && result.text !== '') stdout.write(result.text.endsWith('\n') ? result.text : `${result.text}\n`);
}
