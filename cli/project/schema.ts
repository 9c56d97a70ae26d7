/** What a bridge.yaml may say; the JSON schema for editors is made from the same. */
import * as z from 'zod/mini';
import type { OptionSpec } from '../command.ts';
import { kindOf, schemaOf, text, wants, type Schema } from './forms.ts';
import { extensionKey, keysOf, type Key } from './keys.ts';

export const serviceName = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;

type Fields = Record<string, z.ZodMiniOptional<Schema>>;

function described(schema: Schema, description: string): z.ZodMiniOptional<Schema> {
  return z.optional(schema.register(z.globalRegistry, { description }));
}

function fields(keys: Key[]): Fields {
  return Object.fromEntries(keys.map((key) => [key.key, described(schemaOf(key), key.option.description)]));
}

/** Keys that are not options of `bridge run` one by one. */
const ownKeys = {
  build: () => described(z.union([text(), z.strictObject({
    context: described(text(), 'folder that is sent to the build'), dockerfile: described(text(), 'path in the context (default Dockerfile)'), target: described(text(), 'stage to build'),
    args: described(z.union([z.record(z.string(), z.union([z.string(), z.number(), z.boolean()], wants('a value'))), z.array(text())], wants('a mapping, or a list of NAME=VALUE,')), 'build arguments'),
  })], wants('a folder, or a mapping with context, dockerfile, target and args,')), 'how the image is built'),
  command: () => described(z.union([text(), z.array(text())], wants('a command, in one line or as a list,')), 'command instead of the image\'s'),
};

const buildKeys = ['context', 'dockerfile', 'target', 'args'];
const mountKeys = ['source', 'target', 'readOnly'];

export interface ProjectSchema {
  schema: Schema;
  /** Keys that may stand in the mapping at this path. */
  knownKeys(path: readonly PropertyKey[]): string[];
}

/** @param options those of `bridge run`, the global ones included */
export function projectSchema(options: readonly OptionSpec[]): ProjectSchema {
  const [project, service, rule] = (['project', 'service', 'rule'] as const).map((place) => fields(keysOf(options, place))) as [Fields, Fields, Fields];
  const ruleObject = z.strictObject(rule, wants('a mapping of conditions')).check(z.refine((value) => Object.keys(value).length > 0, { error: 'a rule has at least one condition; without rules all traffic is taken' }));
  Object.assign(service, {
    ...Object.fromEntries(Object.entries(ownKeys).map(([name, schema]) => [name, schema()])),
    rules: described(z.union([ruleObject, z.array(ruleObject)], wants('a rule, or a list of rules,')), 'which requests are taken: those that one of the rules matches (default: all traffic)'),
  });
  const name = z.string().check(z.regex(serviceName, { error: ({ input }) => `${kindOf(input)} is no name: up to 40 lower-case letters, digits and dashes, a dash neither first nor last` }));
  const services = z.record(name, z.strictObject(service, wants('a mapping')), wants('a mapping of services'));
  Object.assign(project, { services: services.register(z.globalRegistry, { description: 'what `bridge run NAME` runs' }) });
  return {
    schema: z.strictObject(project, wants('a mapping')),
    knownKeys(path) {
      const words = path.filter((part) => typeof part === 'string');
      if (words.length === 0) return Object.keys(project);
      if (words[0] !== 'services' || words.length < 2) return [];
      return ({ undefined: Object.keys(service), rules: Object.keys(rule), build: buildKeys, mounts: mountKeys } as Record<string, string[]>)[String(words[2])] ?? [];
    },
  };
}

/** Draft 7: what editors understand. */
export function jsonSchema(options: readonly OptionSpec[]): object {
  const made = z.toJSONSchema(projectSchema(options).schema, { target: 'draft-7' }) as unknown as { properties: { services: { additionalProperties: object } } };
  const own = { patternProperties: { [extensionKey.source]: {} } };
  Object.assign(made, own, { title: 'bridge.yaml' });
  Object.assign(made.properties.services.additionalProperties, own);
  return made;
}
