/** The tables of keys in docs/project-file.md, from the schema. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../../cli/commands/run.ts';
import { allOptions } from '../../cli/parse/global-options.ts';
import { jsonSchema } from '../../cli/project/schema.ts';
import { cell, table } from './command-reference.ts';

export const projectFile = 'docs/project-file.md';

interface Described { description?: string; type?: string | string[]; enum?: string[]; properties?: Record<string, Described>; additionalProperties?: Described; anyOf?: Described[] }

function form({ type, enum: choices, anyOf = [] }: Described): string {
  if (choices !== undefined) return choices.join(', ');
  if (anyOf.length > 0) return [...new Set(anyOf.map(form))].join(' or ');
  return { boolean: 'true or false', array: 'list', object: 'mapping' }[String(type)] ?? 'text';
}

function keys({ properties = {} }: Described): string {
  return table(['key', 'form', 'meaning'], Object.entries(properties).map(([key, value]) => [`\`${key}\``, form(value), cell(value.description ?? '')]));
}

/** The document with its tables made anew. */
export async function projectReference(): Promise<string> {
  const top = jsonSchema(allOptions(command.options)) as Described;
  const service = top.properties!.services!.additionalProperties!;
  const rule = service.properties!.rules!.anyOf![0]!;
  const made = ['### At the top', keys(top), '### In a service', keys(service), '### In a rule', keys(rule)].join('\n\n');
  const text = await readFile(join(import.meta.dirname, '..', '..', projectFile), 'utf8');
  return text.replace(/(<!-- keys -->\n).*(<!-- \/keys -->)/s, (_, begin: string, end: string) => `${begin}\n${made}\n\n${end}`);
}
