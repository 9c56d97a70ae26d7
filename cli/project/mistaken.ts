/** A bridge.yaml with mistakes is in the way only of commands that need what is wrong in it, or that would act without knowing where. */
import type { Command, Options } from '../command.ts';
import { BridgeError, type ErrorFacts } from '../errors.ts';
import type { Mistaken } from './read-project.ts';

function words({ what, why, problems = [] }: ErrorFacts): string {
  const [first = why ?? '', ...more] = problems.map(({ line, column, path, message }) => `${line}:${column} ${path === '' ? '' : `${path}: `}${message}`);
  return `${what} (${first}${more.length === 0 ? '' : ', ...'})`;
}

/**
 * What stands at the top is taken when it is beyond doubt. Otherwise nobody knows which cluster was meant: then a command that only looks
 * goes on with the kubeconfig's, and one that acts only where a person or a variable has named the place. Throws the file's error.
 */
export function withoutServices({ error, settings }: Mistaken, { name, takesProject = 'place', mustKnow = ['context', 'namespace'] }: Pick<Command, 'name' | 'takesProject' | 'mustKnow'>, given: ReadonlySet<string>): { settings: Options; warning: string } {
  if (takesProject === 'services') throw error;
  if (settings !== undefined) return { settings, warning: `${words(error.facts)}: of this file only what stands at its top is used, as context and namespace` };
  if (mustKnow.some((option) => !given.has(option))) {
    const flags = mustKnow.map((option) => ({ context: '--context NAME', namespace: '-n NAMESPACE' })[option]);
    throw new BridgeError({ ...error.facts, what: `${error.facts.what}, so it is not known which ${mustKnow.join(' and ')} bridge ${name} is for`, next: `edit it, or name what it would say: bridge ${name} ... ${flags.join(' ')}` });
  }
  return { settings: {}, warning: `${words(error.facts)}: nothing of this file is used${given.has('context') ? '' : ', so this is about the current context of the kubeconfig'}` };
}
