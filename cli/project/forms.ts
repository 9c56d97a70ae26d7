/** The forms that a value may have in bridge.yaml: how it is checked, and how it becomes the value of an option. */
import { resolve } from 'node:path';
import * as z from 'zod/mini';
import type { Options } from '../command.ts';
import { parseBind } from '../bridge/bind.ts';
import type { Key } from './keys.ts';

export type Schema = z.ZodMiniType;

/** What a problem calls the value that it found. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' || typeof value === 'number' ? `'${value}'` : JSON.stringify(value);
}

/** Message of a schema: what belongs there, and what stands there instead. */
export const wants = (what: string) => ({ error: ({ input }: { input?: unknown }) => `${what} belongs here, not ${kindOf(input)}` });

/** Numbers come as the file writes them (read-project.ts); the schema for editors must know both. */
export const text = (what = 'a text'): Schema => z.union([z.string(), z.number()], wants(what));
const several = (what: string): Schema => z.union([text(), z.array(text(what))], wants(`${what}, or a list of such,`));
const mapping = (what: string): Schema => z.record(z.string(), text(what), wants('a mapping'));

const mount = z.strictObject({ source: text(), target: text(), readOnly: z.optional(z.boolean(wants('true or false'))) }, wants('SOURCE:PATH[:ro], or a mapping with source and target,'));
const variable = z.union([z.string(), z.number(), z.boolean(), z.null()], wants('a value'));

export function schemaOf({ option, form }: Key): Schema {
  const { value, repeatable } = option;
  if (value === undefined) return z.boolean(wants('true or false'));
  switch (form) {
    case 'env': return z.union([z.record(z.string(), variable), z.array(text('NAME=VALUE'))], wants('a mapping of names and values, or a list of NAME=VALUE,'));
    case 'mounts': return z.array(z.union([z.string(), mount], wants('SOURCE:PATH[:ro], or a mapping with source and target,')), wants('a list'));
    case 'map': return z.union([several(value.placeholder), mapping(value.placeholder)], wants(`${value.placeholder}, a list of such, or a mapping`));
    case 'path': case 'paths': case undefined: break;
  }
  if (value.choices !== undefined) return z.enum(value.choices as [string, ...string[]], wants(`one of ${value.choices.join(', ')}`));
  if (repeatable !== true) return text();
  // PATH=MODE and the like are easier to read as a mapping.
  return value.placeholder.includes('=') ? z.union([several(value.placeholder), mapping(value.placeholder)], wants(`${value.placeholder}, a list of such, or a mapping`)) : several(value.placeholder);
}

type Scalar = string | number | boolean | null;
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
const pairs = (value: object): string[] => Object.entries(value).map(([key, content]) => `${key}=${String(content)}`);

function mountText(value: string | { source: string; target: string; readOnly?: boolean }): string {
  return typeof value === 'string' ? value : `${value.source}:${value.target}${value.readOnly === true ? ':ro' : ''}`;
}

export interface Place {
  /** Relative paths begin here. */
  folder: string;
  homeDir: string;
}

/** A checked value as an option has it. Throws BridgeError where the option's own words are wrong. */
export function optionValue({ option, form }: Key, value: unknown, { folder, homeDir }: Place): Options[string] {
  if (option.value === undefined) return value === true;
  switch (form) {
    // Nothing after the name: the value that the variable has on this machine.
    case 'env': return Array.isArray(value) ? value.map(String) : Object.entries(value as Record<string, Scalar>).map(([name, content]) => (content === null ? name : `${name}=${String(content)}`));
    case 'mounts': return list(value).map((entry) => parseBind(mountText(entry as string), folder, homeDir));
    case 'path': return resolve(folder, String(value));
    case 'paths': return list(value).map((entry) => resolve(folder, String(entry as Scalar)));
    case 'map': case undefined: break;
  }
  if (option.repeatable !== true) return String(value);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? pairs(value) : list(value).map((entry) => String(entry as Scalar));
}
