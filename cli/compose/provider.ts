/**
 * `provider: {type: podbridge}` in a compose file: Compose calls the program for `up` and `down`, and reads lines of JSON from its standard output
 * (docs/extension.md of docker/compose). It can be told variables, and nothing of networks: so a container stands in the place of the pod and
 * does nothing, and services of the project share its network (`network_mode: container:PROJECT-SERVICE`).
 */
import { labels } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import type { Identity } from '../../protocol/identity.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import { BridgeWatch } from '../bridge/bridge-watch.ts';
import { refOf } from '../bridge/find-bridge.ts';
import { fetchIdentity } from '../bridge/identity.ts';
import { mergeEnv } from '../bridge/merge-env.ts';
import type { EnvFilter } from '../bridge/env-filter.ts';
import type { UsableLink } from '../bridge/needs.ts';
import { stopBridge } from '../bridge/stop.ts';
import type { OptionSpec } from '../command.ts';
import type { Host } from '../host.ts';
import type { Steps } from '../steps/steps.ts';
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

/** What Compose may pass: it leaves out what is not named here. */
export function providerMetadata(options: readonly OptionSpec[]): object {
  const parameters = options.map(({ name, description, value, default: preset }) => ({
    name, description, required: false, type: value === undefined ? 'boolean' : 'string', ...(typeof preset === 'string' ? { default: preset } : {}), ...(value?.choices === undefined ? {} : { enum: value.choices.join(',') }),
  }));
  return { description: 'Stand in the place of a workload of a Kubernetes cluster', up: { parameters }, down: { parameters: parameters.filter(({ name }) => ['context', 'kubeconfig'].includes(name)) } };
}

/** Variables of the pod for services that depend on this one; Compose puts the service's name before theirs. */
export function providerVariables(identity: Identity | undefined, filter: EnvFilter | undefined): string[] {
  return mergeEnv({ pod: identity?.env ?? [], image: [], declared: { names: new Set(), hasEnvFrom: false }, own: [], ...(filter === undefined ? {} : { filter }) });
}

/** The container of an earlier `up`, if it still stands for a living bridge. What is dead of it is removed. */
export async function standing({ docker, cluster, steps, link }: { docker: Docker; cluster: Cluster; steps: Steps; link: string }, name: string): Promise<ContainerSummary | undefined> {
  const container = (await docker.containers.list({ [labels.link]: link, [labels.role]: 'app' })).find((each) => each.name === name);
  if (container === undefined) return undefined;
  const ref = refOf(container);
  const bridge = ref === undefined ? undefined : await cluster.find<Bridge>(resources.Bridge, ref.name, ref.namespace);
  if (container.state === 'running' && bridge?.metadata.uid === container.labels[labels.bridgeUid]) return container;
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
export async function providerDown({ docker, cluster, steps, link }: { docker: Docker; cluster: Cluster; steps: Steps; link: string }, name: string): Promise<void> {
  const container = (await docker.containers.list({ [labels.link]: link, [labels.role]: 'app' })).find((each) => each.name === name);
  if (container === undefined) return;
  const ref = refOf(container);
  await stopBridge({ docker, cluster, steps, link, container, force: steps.signal, ...(ref === undefined ? {} : { ref }) });
  await endMadeLink({ docker, cluster, steps, link }, [container]);
}
