/**
 * `provider: {type: podbridge}` in a compose file: Compose calls the program for `up` and `down`, and reads lines of JSON from its standard output
 * (docs/extension.md of docker/compose). It can be told variables, and nothing of networks: so a container stands in the place of the pod and
 * does nothing, and services of the project share its network (`network_mode: container:PROJECT-SERVICE`).
 */
import { createHash } from 'node:crypto';
import { labels } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import type { Identity } from '../../protocol/identity.ts';
import { describeRule } from '../../protocol/rule.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import { BridgeWatch } from '../bridge/bridge-watch.ts';
import { refOf } from '../bridge/find-bridge.ts';
import { fetchIdentity } from '../bridge/identity.ts';
import { mergeEnv } from '../bridge/merge-env.ts';
import type { EnvFilter } from '../bridge/env-filter.ts';
import type { UsableLink } from '../bridge/needs.ts';
import { stopBridge } from '../bridge/stop.ts';
import { takenWords } from '../bridge/taken-words.ts';
import type { Options, OptionSpec } from '../command.ts';
import { BridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { camelCase } from '../parse/camel-case.ts';
import { suggest } from '../parse/suggest.ts';
import type { Steps } from '../steps/steps.ts';
import { describeTarget } from '../target/parse-target.ts';
import type { Reporter } from '../ui/events.ts';
import { endMadeLink } from './down.ts';

export type Message = { type: 'info' | 'error' | 'debug' | 'setenv'; message: string };

export function providerLine(message: Message): string {
  return `${JSON.stringify(message)}\n`;
}

/** Steps as what Compose shows beside the service. */
export function providerReporter(host: Pick<Host, 'stdout'>): Reporter {
  const say = (message: Message): void => void host.stdout.write(providerLine(message));
  return {
    emit(event) {
      if (event.type === 'step-started') say({ type: 'info', message: event.title });
      else if (event.type === 'step-waiting') say({ type: 'debug', message: event.waitingFor });
      else if (event.type === 'warning' || event.type === 'note') say({ type: 'info', message: event.text.split('\n')[0]! });
    },
  };
}

/**
 * For people: every option there is. Compose looks for `description`, `up` and `down`: as soon as one of them says anything, it leaves out what is not named
 * there, without a word, and a mistyped `mark` would take everybody's requests. Without them it passes everything, and {@link providerWords} checks.
 */
export function providerMetadata(options: readonly OptionSpec[]): object {
  return {
    parameters: options.map(({ name, description, value, default: preset }) => ({
      name, description, required: false, type: value === undefined ? 'boolean' : 'string', ...(typeof preset === 'string' ? { default: preset } : {}), ...(value?.choices === undefined ? {} : { enum: value.choices.join(',') }),
    })),
  };
}

/** All that `down` needs: what it ends, it finds by labels. */
const ofDown = ['context', 'kubeconfig'];

/** Compose's words (`up --target=deploy/api --take-over=true SERVICE`) as a command line. Throws `provider-invalid` with every option that there is not. */
export function providerWords(words: readonly string[], offered: readonly OptionSpec[]): string[] {
  const at = words.findIndex((word) => !word.startsWith('--'));
  const [event, service = ''] = [words[at], words.at(-1)];
  const problems: string[] = [];
  const rest = words.slice(at + 1).flatMap((word) => {
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) return [word];
    if (event === 'down' && !ofDown.includes(name)) return [];
    const spec = offered.find((option) => option.name === name);
    const place = `services.${service}.provider.options.${name}`;
    if (spec === undefined) {
      const meant = suggest(name, offered.map((option) => option.name));
      problems.push(`${place}: there is no such option${meant === undefined ? '' : `; did you mean ${meant}?`}`);
    } else if (spec.value === undefined && !['true', 'false', undefined].includes(value)) problems.push(`${place}: true or false belongs here`);
    else if (spec.value === undefined) return value === 'false' ? [] : [`--${name}`];
    return [word];
  });
  if (problems.length > 0) {
    throw new BridgeError({
      kind: 'usage', code: 'provider-invalid', what: `the project has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}`, why: [...new Set(problems)].join('; '), next: 'edit the compose file  (podbridge compose metadata shows all options)',
    });
  }
  return [...words.slice(0, at + 1), ...rest];
}

/** About the link, or about variables that Compose is told anew each time: nothing of them is in bridge and container. */
const notOfBridge = ['context', 'kubeconfig', 'transport', 'ttl', 'env-only', 'env-except', 'namespace'];

/** What was asked for beyond the defaults, as a label: no value can be read from it. An option that a later version brings changes nothing. */
export function optionsHash(options: Options, offered: readonly OptionSpec[], namespace: string): string {
  const settled = offered.filter(({ name }) => !notOfBridge.includes(name)).flatMap(({ name, default: preset }) => {
    const value = options[camelCase(name)];
    return value === undefined || value === preset ? [] : [[name, value]];
  }).sort();
  return createHash('sha256').update(JSON.stringify([namespace, settled])).digest('hex');
}

/** `takes ALL requests of deployment api`: what a provider does is nowhere else to be read. */
export function takesWords({ spec: { target, ports, rules = [], ...treatment } }: Pick<Bridge, 'spec'>): string {
  if (ports.length === 0) return `has the environment and network of ${describeTarget(target)}; takes no requests`;
  return `takes ${takenWords(rules.length === 0 ? 'ALL requests' : `requests with ${rules.map(describeRule).join(', or ')}`, treatment)} of ${describeTarget(target)}`;
}

/** Variables of the pod for services that depend on this one; Compose puts the service's name before theirs. */
export function providerVariables(identity: Identity | undefined, filter: EnvFilter | undefined): string[] {
  return mergeEnv({ pod: identity?.env ?? [], image: [], declared: { names: new Set(), hasEnvFrom: false }, own: [], ...(filter === undefined ? {} : { filter }) });
}

interface ProviderParts {
  docker: Docker;
  cluster: Cluster;
  steps: Steps;
  /** Its name. */
  link: string;
}

/** What stands of an earlier `up`. */
export interface StandingPlace {
  container: ContainerSummary;
  /** Absent without a target. */
  bridge: Bridge | undefined;
}

/** Throws `provider-elsewhere` for a container of that name that belongs to another link. */
async function placeOf({ docker, link }: Pick<ProviderParts, 'docker' | 'link'>, name: string): Promise<ContainerSummary | undefined> {
  const container = (await docker.containers.list({ [labels.role]: 'app' })).find((each) => each.name === name);
  if (container === undefined || container.labels[labels.link] === link) return container;
  throw new BridgeError({
    kind: 'refused', code: 'provider-elsewhere', what: `container ${name} of the project stands in the place of a pod of another cluster, or belongs to another user`, why: `its link is ${container.labels[labels.link]}, this one would be ${link}`,
    next: 'with the other context or user: docker compose down',
  });
}

/**
 * The container of an earlier `up`, if it still stands for a living bridge and was made with these options. What is dead of it, or was asked for differently, is
 * removed; but not while other containers live in its network, which would lose it: Docker ties them to this very container, and Compose leaves them as they are.
 * @param check throws when the new one cannot be, before the old one goes
 */
export async function standing(parts: ProviderParts, name: string, hash: string, check: () => Promise<unknown>): Promise<StandingPlace | undefined> {
  const { docker, cluster, steps, link } = parts;
  const container = await placeOf(parts, name);
  if (container === undefined) return undefined;
  const ref = refOf(container);
  const bridge = ref === undefined ? undefined : await cluster.find<Bridge>(resources.Bridge, ref.name, ref.namespace);
  const lives = container.state === 'running' && bridge?.metadata.uid === container.labels[labels.bridgeUid];
  if (lives && container.labels[labels.options] === hash) return { container, bridge };
  if (lives) {
    await check();
    const tied = (await docker.containers.list({})).filter(({ networkOf }) => networkOf === container.id);
    if (tied.length > 0) {
      throw new BridgeError({
        kind: 'refused', code: 'provider-changed', what: `the options of ${name} have changed, and it stands with the former ones`, why: `${tied.map((each) => each.name).join(', ')} in its network would be cut off`,
        next: 'docker compose down, then docker compose up again',
      });
    }
  }
  await stopBridge({ docker, cluster, steps, link, container, force: steps.signal, ...(ref === undefined ? {} : { ref }) });
  return undefined;
}

export async function identityOf({ cluster, steps, link }: { cluster: Cluster; steps: Steps; link: UsableLink }, container: ContainerSummary): Promise<Identity | undefined> {
  const ref = refOf(container);
  if (ref === undefined) return undefined;
  const watch = new BridgeWatch(cluster, ref);
  try {
    return await fetchIdentity({ watch, control: link.control, signal: steps.signal, waiting: () => undefined });
  } finally {
    watch.close();
  }
}

/** Nothing there: nothing happens. */
export async function providerDown({ docker, cluster, steps, link }: ProviderParts, name: string): Promise<void> {
  const container = (await docker.containers.list({ [labels.link]: link, [labels.role]: 'app' })).find((each) => each.name === name);
  if (container === undefined) return;
  const ref = refOf(container);
  await stopBridge({ docker, cluster, steps, link, container, force: steps.signal, ...(ref === undefined ? {} : { ref }) });
  await endMadeLink({ docker, cluster, steps, link }, [container]);
}
