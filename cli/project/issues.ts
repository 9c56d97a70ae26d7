/** What the schema found, in words and at its place. */
import type * as z from 'zod/mini';
import { suggest } from '../parse/suggest.ts';
import type { Path, Problems } from './problems.ts';
import type { ProjectSchema } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** The branch of a union that was meant: the one that got past the outermost value. */
function meant({ errors }: { errors: Issue[][] }): Issue[] | undefined {
  return errors.find((branch) => branch.length > 0 && branch.every((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys' || issue.code === 'custom'));
}

export function addIssues(issues: readonly Issue[], { knownKeys }: Pick<ProjectSchema, 'knownKeys'>, problems: Problems, above: Path = []): void {
  for (const issue of issues) {
    // Of a mapping whose keys are not understood nothing else can be said.
    if (issue.code === 'custom' && issues.some((other) => other.code === 'unrecognized_keys' && other.path.join() === issue.path.join())) continue;
    const path = [...above, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(path);
      for (const key of issue.keys) {
        const nearest = suggest(key, known);
        problems.add([...path, key], `there is no such key${nearest === undefined ? `; there are ${known.join(', ')}` : `; did you mean ${nearest}?`}`, 'key');
      }
      continue;
    }
    if (issue.code === 'invalid_union') {
      const branch = meant(issue);
      if (branch === undefined) problems.add(path, issue.message);
      else addIssues(branch, { knownKeys }, problems, path);
      continue;
    }
    if (issue.code === 'invalid_key') {
      problems.add(path, issue.issues[0]?.message ?? issue.message, 'key');
      continue;
    }
    problems.add(path, issue.message);
  }
}
