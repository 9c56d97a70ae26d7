/** What `x-bridge` says of a service, with the keys of bridge.yaml: all that Compose has no words for. */
import type { OptionSpec } from '../command.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { distance } from '../parse/suggest.ts';
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

/** Edits that make a key a slip of the finger. */
const nearEdits = 2;

/** Whoever writes `x-brige` has a service that is not joined, and nobody would say so. */
function mistyped({ services }: ComposeModel): string[] {
  return Object.entries(services).flatMap(([name, service]) => Object.keys(service).filter((key) => key !== joinKey && key.startsWith('x-') && distance(key, joinKey) <= nearEdits).map((key) => `services.${name}.${key}: did you mean ${joinKey}?`));
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

/** Without the keys that are told already. The image is the service's own; without one there would be none to check. */
function valuesOf(name: string, join: unknown): object {
  const values = typeof join === 'object' && join !== null && !Array.isArray(join) ? unescaped(join) : {};
  return { ...Object.fromEntries(Object.entries(values).filter(([key]) => !(key in ofService))), image: name };
}

/** By the service's name. Throws `compose-invalid` with all that is wrong. */
export function readJoins({ model, joined, host, options }: JoinsQuestion): Map<string, ProjectService> {
  const own = [...mistyped(model), ...joined.flatMap((name) => problemsOf(name, model.services[name]!))];
  const read = readValues({
    services: Object.fromEntries(joined.map((name) => [name, valuesOf(name, model.services[name]![joinKey])])), host, options,
    invalid: (problems) => invalid([...own, ...problems.map(({ service, path, message }) => `services.${service}.${joinKey}${path === '' ? '' : `.${path}`}: ${message}`)]),
  });
  if (own.length > 0) throw invalid(own);
  return new Map([...read].map(([name, service]) => [name, { ...service, options: { ...service.options, image: undefined } }]));
}

/** What was asked of each service, by its name. One mistake is thrown as it is; several, of several services, as `compose-invalid`. */
export function everyJoin<T>(names: readonly string[], asked: readonly PromiseSettledResult<T>[]): Map<string, T> {
  const failed = asked.flatMap((each, index) => (each.status === 'rejected' ? [{ name: names[index]!, error: each.reason as unknown }] : []));
  const [first] = failed;
  if (first === undefined) return new Map(asked.flatMap((each, index) => (each.status === 'fulfilled' ? [[names[index]!, each.value] as const] : [])));
  const mistakes = failed.flatMap(({ name, error }) => (isBridgeError(error) && error.facts.kind === 'usage' ? [`services.${name}.${joinKey}: ${[error.facts.what, ...(error.facts.why === undefined ? [] : [error.facts.why])].join(' (')}${error.facts.why === undefined ? '' : ')'}`] : []));
  throw failed.length > 1 && mistakes.length === failed.length ? invalid(mistakes) : first.error;
}
