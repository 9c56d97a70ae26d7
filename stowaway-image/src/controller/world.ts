/** The live copies that the controller decides from. */
import { labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import type { Bridge, Client } from '../../../protocol/objects.ts';
import { follow, resources, type Followed, type Kube, type KubeObject } from '../kube/index.ts';
import { trimNode, type HubService, type NodeInfo } from './cluster-facts.ts';
import { TargetPods, trimSystemPod, type SystemPod } from './pods.ts';
import { Targets } from './target.ts';

export interface World {
  clients: Followed<Client>;
  bridges: Followed<Bridge>;
  nodes: Followed<NodeInfo>;
  /** Hub and agents. */
  systemPods: Followed<SystemPod>;
  hubServices: Followed<HubService>;
  /** Of bridge-system; those of guests say when they end. */
  accounts: Followed<Account>;
  targetPods: TargetPods;
  targets: Targets;
  synced: Promise<unknown>;
}

export type Account = Pick<KubeObject, 'metadata'>;

export interface WorldOptions {
  onChange: () => void;
  /** A bridge is gone; its last known state. */
  onEnded: (bridge: Bridge) => void;
  onError: (error: unknown) => void;
  signal: AbortSignal;
}

export function watchWorld(kube: Kube, options: WorldOptions): World {
  const { onChange, onError, signal } = options;
  const common = { onChange, onError, signal };
  const ours = { namespace: systemNamespace, labelSelector: `${labels.managedBy}=${managedBy}` };
  const world = {
    clients: follow<Client>(kube, resources.clients, { ...common, namespace: systemNamespace }),
    bridges: follow<Bridge>(kube, resources.bridges, {
      signal, onError,
      onChange: ({ type, object }) => {
        if (type === 'deleted') options.onEnded(object);
        onChange();
      },
    }),
    nodes: follow<NodeInfo, Parameters<typeof trimNode>[0]>(kube, resources.nodes, {
      signal, onError, trim: trimNode,
      // Nodes report their health every few seconds; nearly nothing of it matters here.
      onChange: ({ object, previous }) => { if (previous === undefined || !sameNode(object, previous)) onChange(); },
    }),
    systemPods: follow<SystemPod, Parameters<typeof trimSystemPod>[0]>(kube, resources.pods, { ...common, ...ours, trim: trimSystemPod }),
    hubServices: follow<HubService>(kube, resources.services, { ...common, namespace: systemNamespace, fieldSelector: `metadata.name=${names.hub}` }),
    accounts: follow<Account, KubeObject>(kube, resources.serviceAccounts, { ...common, namespace: systemNamespace, trim: ({ metadata }) => ({ metadata }) }),
  };
  return {
    ...world,
    targetPods: new TargetPods(kube, options),
    targets: new Targets(kube, options),
    synced: Promise.all(Object.values(world).map(({ synced }) => synced)),
  };
}

function sameNode(one: NodeInfo, other: NodeInfo): boolean {
  const text = ({ metadata: _, ...rest }: NodeInfo): string => JSON.stringify(rest);
  return text(one) === text(other);
}
