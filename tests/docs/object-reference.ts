/** docs/objects.md: the fields of the custom resources, from their schemas. */
import { customResourceDefinitions } from '../../protocol/crds.ts';
import { apiGroup, apiVersion } from '../../protocol/names.ts';
import type { Schema } from '../../protocol/schema.ts';
import { cell, table } from './command-reference.ts';

export const objectsFile = 'docs/objects.md';

function form(schema: Schema): string {
  if (schema.type === 'array') return `list of ${form(schema.items as Schema)}`;
  if (schema.enum !== undefined) return (schema.enum as string[]).join(', ');
  if (schema.type === 'integer' && schema.minimum !== undefined) return `${String(schema.minimum)} to ${String(schema.maximum)}`;
  if (schema.type === 'string') return schema.format === undefined ? 'text' : String(schema.format);
  return schema.type === 'boolean' ? 'true or false' : schema.type;
}

const messages = (schema: Schema): string[] => ((schema['x-kubernetes-validations'] ?? []) as { message: string }[]).map(({ message }) => message);

function fields(schema: Schema, path: string): string[][] {
  const object = schema.type === 'array' ? schema.items as Schema : schema;
  const required = new Set((object.required ?? []) as string[]);
  return Object.entries((object.properties ?? {}) as Record<string, Schema>).flatMap(([name, field]) => {
    const [own, list] = [`${path}${name}`, field.type === 'array' ? '[]' : ''];
    const words = [...(field.description === undefined ? [] : [String(field.description).replace(/\.$/, '')]), ...messages(field)];
    return [[`\`${own}${list}\``, form(field), required.has(name) ? 'yes' : '', cell(words.join('; '))], ...fields(field, `${own}${list}.`)];
  });
}

export function objectReference(): string {
  const sections = customResourceDefinitions.flatMap(({ spec }) => {
    const { names, versions: [version] } = spec as unknown as { names: { kind: string; plural: string; shortNames: string[] }; versions: [{ schema: { openAPIV3Schema: Schema } }] };
    const schema = version.schema.openAPIV3Schema;
    const { spec: wanted, status } = schema.properties as Record<string, Schema>;
    return [
      `## ${names.kind}`, `\`kubectl get ${names.plural}.${apiGroup}\`, for short \`${names.shortNames.join('`, `')}\`.${messages(schema).map((message) => ` Rule: ${message}.`).join('')}`,
      table(['field', 'form', 'required', 'meaning'], [...fields(wanted!, 'spec.'), ...fields(status!, 'status.')]),
    ];
  });
  return `${[
    '# Custom resources', `Group \`${apiGroup}/${apiVersion}\`. Written by \`npm run docs\` from the schemas in [protocol](../protocol), which the API server checks. Who writes which field stands in [architecture](architecture.md#objects); the \`bridge\` command makes and removes both kinds, nobody has to write them by hand.`,
    ...sections,
  ].join('\n\n')}\n`;
}
