/** Which services of bridge.yaml a command line means. */
import { BridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';
import type { Project, ProjectService } from './project.ts';

function unknown(name: string, names: string[], file: string): BridgeError {
  const meant = suggest(name, names);
  return new BridgeError({
    kind: 'usage', code: 'service-unknown', what: `there is no service ${name} in ${file}`, why: names.length === 0 ? 'there is none at all' : `there ${names.length === 1 ? 'is' : 'are'}: ${names.join(', ')}`,
    next: meant === undefined ? `bridge init deploy/${name}` : `bridge run ${meant}`,
  });
}

/** No names: the only one. Throws `project-missing`, `service-unknown`, `service-ambiguous`. */
export function chooseServices(project: Project | undefined, names: readonly string[]): ProjectService[] {
  if (project === undefined) {
    throw new BridgeError({
      kind: 'usage', code: 'project-missing', what: names.length === 0 ? 'no image was named, and there is no bridge.yaml' : `there is no bridge.yaml that could have a service ${names[0]}`, why: 'none is in this folder or above it',
      next: names.length === 0 ? 'bridge run --image IMAGE --target deploy/NAME, or: bridge init' : 'bridge init',
    });
  }
  const all = [...project.services.values()];
  if (names.length > 0) {
    return [...new Set(names)].map((name) => {
      const service = project.services.get(name);
      if (service === undefined) throw unknown(name, [...project.services.keys()], project.file);
      return service;
    });
  }
  if (all.length === 1) return all;
  throw new BridgeError({
    kind: 'usage', code: 'service-ambiguous', what: all.length === 0 ? `there are no services in ${project.file}` : `${project.file} has several services: ${all.map(({ name }) => name).join(', ')}`,
    next: all.length === 0 ? 'bridge init deploy/NAME' : `bridge run ${all[0]!.name}`,
  });
}
