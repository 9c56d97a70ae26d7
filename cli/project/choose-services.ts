/** Which services of bridge.yaml a command line means. */
import { BridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';
import type { Project, ProjectService } from './project.ts';

/** What else stands on the command line. */
export interface Beside {
  /** An image is named or built. */
  image: boolean;
  target: boolean;
}

/** Words that are no services have most likely lost the option before them, or the `--`; undefined: nothing tells which. */
function forgotten([word = '', ...more]: readonly string[], { image, target }: Beside): { why: string; next: string } | undefined {
  const command = more.length === 0 ? '' : ` -- ${more.join(' ')}`;
  if (!target && /^[a-z][a-z0-9.]*\/[a-z0-9][a-z0-9.-]*$/.test(word) && (image || isKind(word))) return { why: 'a target is named with --target', next: `bridge run ${image ? '--image IMAGE ' : ''}--target ${word}${command}` };
  if (image) return { why: 'the command for the container stands after --', next: `bridge run --image IMAGE -- ${[word, ...more].join(' ')}` };
  if (target || /[:/@]/.test(word) || more.length > 0) return { why: 'an image is named with --image', next: `bridge run --image ${word}${target ? ' --target KIND/NAME' : ''}${command}` };
  return undefined;
}

/** `nginx/nginx` is an image, `deploy/nginx` is not. */
const isKind = (word: string): boolean => /^(deploy(ments?)?|sts|statefulsets?|ds|daemonsets?|rs|replicasets?|po|pods?|jobs?|svc|services?)\//.test(word);

function unknown(words: readonly string[], name: string, names: string[], file: string, beside: Beside): BridgeError {
  const meant = suggest(name, names);
  const at = words.indexOf(name);
  const lost = meant !== undefined ? undefined : at === 0 ? forgotten(words, beside) : { why: 'the command for the container stands after --', next: `bridge run ${words.slice(0, at).join(' ')} -- ${words.slice(at).join(' ')}` };
  const there = names.length === 0 ? 'there is none at all' : `there ${names.length === 1 ? 'is' : 'are'}: ${names.join(', ')}`;
  return new BridgeError({
    kind: 'usage', code: 'service-unknown', what: `there is no service ${name} in ${file}`, why: lost === undefined ? there : `${there}; ${lost.why}`,
    next: lost?.next ?? (meant === undefined ? `bridge init deploy/${name}` : `bridge run ${meant}`),
  });
}

/** No names: the only one. Throws `project-missing`, `service-unknown`, `service-ambiguous`. */
export function chooseServices(project: Project | undefined, names: readonly string[], beside: Beside = { image: false, target: false }): ProjectService[] {
  if (project === undefined) {
    const lost = names.length === 0 ? undefined : forgotten(names, beside);
    throw new BridgeError({
      kind: 'usage', code: 'project-missing', what: names.length === 0 ? 'no image was named, and there is no bridge.yaml' : `there is no bridge.yaml that could have a service ${names[0]}`, why: `none is in this folder or above it${lost === undefined ? '' : `; ${lost.why}`}`,
      next: lost?.next ?? (names[0] === undefined ? 'bridge run --image IMAGE --target deploy/NAME, or: bridge init' : `bridge run --image ${names[0]} --target deploy/NAME, or: bridge init`),
    });
  }
  const all = [...project.services.values()];
  if (names.length > 0) {
    return [...new Set(names)].map((name) => {
      const service = project.services.get(name);
      if (service === undefined) throw unknown(names, name, [...project.services.keys()], project.file, beside);
      return service;
    });
  }
  if (all.length === 1) return all;
  throw new BridgeError({
    kind: 'usage', code: 'service-ambiguous', what: all.length === 0 ? `there are no services in ${project.file}` : `${project.file} has several services: ${all.map(({ name }) => name).join(', ')}`,
    next: all.length === 0 ? 'bridge init deploy/NAME' : `bridge run ${all[0]!.name}`,
  });
}
