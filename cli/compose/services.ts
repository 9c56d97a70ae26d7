/** What `x-bridge` says of a service, with the keys of bridge.yaml: all that Compose has no words for. */
import type { OptionSpec } from '../command.ts';
import { BridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import type { ProjectService } from '../project/project.ts';
import { readValues } from '../project/read-values.ts';
import { joinKey, unescaped, type ComposeModel, type ComposeService } from './model.ts';

/** Keys of bridge.yaml for which the service itself has a place. */
const ofService: Record<string, string> = {
  image: 'image', build: 'build', command: 'command', entrypoint: 'entrypoint', env: 'environment', envFiles: 'env_file', mounts: 'volumes', publish: 'ports', debug: 'ports', workdir: 'working_dir', user: 'user', pull: 'pull_policy',
};

const mostReplicas = (service: ComposeService): number => Math.max(service.scale ?? 1, service.deploy?.replicas ?? 1);

function problemsOf(name: string, service: ComposeService): string[] {
  const join = service[joinKey] ?? {};
  const at = `services.${name}.${joinKey}`;
  if (typeof join !== 'object' || Array.isArray(join)) return [`${at}: a mapping belongs here, or nothing`];
  return [
    ...Object.keys(join).filter((key) => key in ofService).map((key) => `${at}.${key}: that is said by ${ofService[key]!} of the service itself`),
    ...(service.network_mode === undefined ? [] : [`services.${name}.network_mode: a service that is joined to the cluster has networks, not the mode ${service.network_mode}`]),
    ...('target' in join && mostReplicas(service) > 1 ? [`${at}.target: the requests of a target go to one container, and the service has ${mostReplicas(service)} replicas`] : []),
  ];
}

function invalid(problems: string[]): BridgeError {
  return new BridgeError({
    kind: 'usage', code: 'compose-invalid', what: `the project has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}`, why: problems.join('\n'), next: 'edit the compose file  (keys of x-bridge: docs/compose.md)',
  });
}

export interface JoinsQuestion {
  model: ComposeModel;
  joined: readonly string[];
  host: Pick<Host, 'env' | 'homeDir' | 'cwd'>;
  /** Those of `bridge run`. */
  options: readonly OptionSpec[];
}

/** By the service's name. Throws `compose-invalid` with all that is wrong. */
export function readJoins({ model, joined, host, options }: JoinsQuestion): Map<string, ProjectService> {
  const own = joined.flatMap((name) => problemsOf(name, model.services[name]!));
  if (own.length > 0) throw invalid(own);
  const read = readValues({
    // The image is the service's own; without one there would be none to check.
    services: Object.fromEntries(joined.map((name) => [name, { ...unescaped(model.services[name]![joinKey] as object | null), image: name }])), host, options,
    invalid: (problems) => invalid(problems.map(({ service, path, message }) => `services.${service}.${joinKey}${path === '' ? '' : `.${path}`}: ${message}`)),
  });
  return new Map([...read].map(([name, service]) => [name, { ...service, options: { ...service.options, image: undefined } }]));
}
