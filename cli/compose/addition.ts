/** What a service gains by being joined: a container as `bridge run` would make it, in the words of compose files, beside everything that the service says itself. Pure. */
import type { ContainerSpec } from '../adapters/docker/index.ts';
import { escaped, type ComposeModel, type ComposeService } from './model.ts';

type Fields = Record<string, unknown>;

const nanosPerCpu = 1e9;

/** From which version on Compose knows `gw_priority`. */
export const gatewayPrioritySince = '2.33.0';

function without(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What the service does not say itself. */
function unsaid(service: ComposeService, fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => (service[key] ?? undefined) === undefined));
}

function environmentOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]));
}

/** `SOURCE:TARGET[:ro]` below a folder of the Docker host that exists. */
function bindMount(bind: string): Fields {
  const [, source = '', target = '', options] = /^((?:[A-Za-z]:[\\/])?[^:]+):([^:]+)(?::([^:]*))?$/.exec(bind) ?? [];
  return { type: 'bind', source, target, ...(options === 'ro' ? { read_only: true } : {}), bind: { create_host_path: false } };
}

/** What as-pod and limits say; the service's own words win. */
function shape(spec: ContainerSpec): Fields {
  return without({
    user: spec.user, group_add: spec.groups, working_dir: spec.workingDir, entrypoint: spec.entrypoint, command: spec.command, hostname: spec.hostname,
    cap_add: spec.capAdd, cap_drop: spec.capDrop, security_opt: spec.securityOptions, read_only: spec.readOnly,
    mem_limit: spec.memoryBytes, memswap_limit: spec.memorySwapBytes, cpus: spec.nanoCpus === undefined ? undefined : spec.nanoCpus / nanosPerCpu,
  });
}

/** Without a list of its own a service is in the project's network. */
const inDefault = { default: null };

/** The resolver of musl reads a line of 256 bytes with its end, and leaves out longer ones with everything in them. */
const searchLineMax = 254;

/**
 * Docker answers `SERVICE.NETWORK` for what is in a network. With the names of the service's own networks searched first, a service of the project
 * is found before one of the cluster that has the same name, whatever `ndots` says and whichever resolver the program has.
 */
function searchList({ name: project, networks = {} }: Pick<ComposeModel, 'name' | 'networks'>, service: ComposeService, search: readonly string[]): string[] {
  const own = Object.keys(service.networks ?? inDefault).map((key) => (networks[key] as { name?: string } | null | undefined)?.name ?? `${project}_${key}`);
  const length = (list: readonly string[]): number => ['search', ...list].join(' ').length;
  return own.reduceRight<string[]>((list, network) => (length([network, ...list]) > searchLineMax ? list : [network, ...list]), [...search]);
}

export interface JoinedService {
  spec: ContainerSpec;
  /** Do Docker and Compose know `gw_priority`? Otherwise the network's name decides. */
  gatewayPriority: boolean;
}

function join(model: ComposeModel, service: ComposeService, { spec, gatewayPriority }: JoinedService): ComposeService {
  const [attachment] = spec.networks ?? [];
  const endpoint = without({ ipv4_address: attachment?.ipv4Address, ...(gatewayPriority ? { gw_priority: attachment?.gatewayPriority } : {}) });
  const dns = spec.dns;
  const shaped = escaped(shape(spec));
  return {
    // Compose writes `command: null` where nothing is said.
    ...shaped, ...Object.fromEntries(Object.entries(service).filter(([key, value]) => value !== null || !(key in shaped))),
    ...escaped(without({
      // It has the service's own in it.
      environment: spec.env === undefined ? undefined : environmentOf(spec.env),
      ...unsaid(service, { dns: dns?.servers, dns_search: dns?.search === undefined ? undefined : searchList(model, service, dns.search), dns_opt: dns?.options }),
    })),
    labels: { ...service.labels, ...escaped(spec.labels) },
    extra_hosts: [...service.extra_hosts ?? [], ...escaped(spec.extraHosts ?? [])],
    volumes: [...service.volumes ?? [], ...escaped((spec.binds ?? []).map(bindMount)) as unknown as NonNullable<ComposeService['volumes']>],
    networks: { ...service.networks ?? inDefault, ...(attachment === undefined ? {} : { [attachment.network]: endpoint }) },
  };
}

/** @param joined by the name of the service */
export function joinModel(model: ComposeModel, joined: ReadonlyMap<string, JoinedService>): ComposeModel {
  const networks = new Set([...joined.values()].flatMap(({ spec }) => (spec.networks ?? []).map(({ network }) => network)));
  return {
    ...model,
    services: Object.fromEntries(Object.entries(model.services).map(([name, service]) => {
      const addition = joined.get(name);
      return [name, addition === undefined ? service : join(model, service, addition)];
    })),
    networks: { ...model.networks, ...Object.fromEntries([...networks].map((name) => [name, { name, external: true }])) },
  };
}
