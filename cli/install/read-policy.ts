/** `bridge install --policy FILE`. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as z from 'zod/mini';
import { BridgeError } from '../errors.ts';
import { forbiddenTarget, valueForms } from '../../protocol/policy.ts';
import type { InstallPolicy } from './policy.ts';

/** Stands in every refusal. */
const longestContact = 200;

const schema = z.strictObject({
  requireRule: z.optional(z.boolean('is true or false')),
  forbiddenTargets: z.optional(z.array(z.string('is written like deploy/db').check(z.refine((text) => forbiddenTarget(text) !== undefined, 'is written like deploy/db, sts/* or NAMESPACE/KIND/NAME, each of which may be *')), 'is a list')),
  maxLifetime: z.optional(z.string('is a duration like 8h').check(z.regex(new RegExp(valueForms.maxLifetime), 'is a duration like 8h'))),
  allowedModes: z.optional(z.array(z.enum(['steal', 'mirror', 'tap'], 'is one of steal, mirror, tap'), 'is a list').check(z.minLength(1, 'names at least one of steal, mirror, tap'))),
  contact: z.optional(z.string('is text').check(z.minLength(1, 'is text'), z.maxLength(longestContact, `has at most ${longestContact} characters`))),
}, 'is a mapping');

/** The word instead of a file that lifts the policy. */
export const noPolicy = 'none';

function issueWords(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `there is no ${issue.keys.join(', ')}, but ${Object.keys(schema.shape).join(', ')}`;
  return `${issue.path.length === 0 ? 'it' : issue.path.join('.')} ${issue.message}`;
}

/** Targets get their short kinds. @param source for the words of the error */
export function checkPolicy(value: unknown, source: string): InstallPolicy {
  const { success, data, error } = schema.safeParse(value ?? {});
  if (success) return data.forbiddenTargets === undefined ? data : { ...data, forbiddenTargets: data.forbiddenTargets.map((target) => forbiddenTarget(target) ?? target) };
  throw new BridgeError({ kind: 'usage', code: 'install-policy', what: `${source} is no policy`, why: error.issues.map(issueWords).join('; '), next: '--policy FILE, with what docs/together.md describes' });
}

/** `--policy FILE`; {@link noPolicy}: one that allows everything. */
export async function readPolicy(given: string, cwd: string): Promise<InstallPolicy> {
  if (given === noPolicy) return {};
  let text: string;
  try {
    text = await readFile(resolve(cwd, given), 'utf8');
  } catch (error) {
    throw new BridgeError({ kind: 'usage', code: 'install-policy', what: `--policy ${given} cannot be read`, why: error instanceof Error ? error.message : String(error), next: `--policy FILE, or --policy ${noPolicy}`, cause: error });
  }
  const { default: { parse } } = await import('yaml');
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new BridgeError({ kind: 'usage', code: 'install-policy', what: `--policy ${given} is not YAML`, why: error instanceof Error ? error.message : String(error), next: '--policy FILE, with what docs/together.md describes', cause: error });
  }
  return checkPolicy(value, `--policy ${given}`);
}
