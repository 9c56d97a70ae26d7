/** The link's Client object in the cluster: made or brought up to date, and waited for until controller and hub have done their part. */
import { groupVersion, labels, managedBy, systemNamespace } from '../../protocol/names.ts';
import type { Client, ClusterFacts, HubFacts } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { version } from '../version.ts';

export interface ReadyClient {
  client: Client;
  address: string;
  cluster: ClusterFacts;
  hub: HubFacts;
  /** Made by this call. */
  created: boolean;
}

export interface ClientRequest {
  cluster: Cluster;
  name: string;
  owner: string;
  publicKey: string;
  /** `--ttl`, as a Go duration; absent: what it has, or the default. */
  ttl?: string;
  signal?: AbortSignal;
  waiting?: (waitingFor: string) => void;
  /** Asked for ahead, while Docker worked. */
  existing?: Promise<Client | undefined>;
  /** Called as soon as the object was made by this call; what follows may still fail. */
  onCreated?: () => void;
}

const attempts = 5;

function hasCode(error: unknown, ...codes: string[]): boolean {
  return isBridgeError(error) && codes.includes(error.facts.code);
}

/** Throws what it throws when the namespace is missing too. */
export function findClient(cluster: Cluster, name: string): Promise<Client | undefined> {
  return cluster.find<Client>(resources.Client, name, systemNamespace);
}

async function createOrPatch({ cluster, name, owner, publicKey, ttl, existing: asked, onCreated }: ClientRequest): Promise<{ client: Client; created: boolean }> {
  for (let attempt = 1; ; attempt++) {
    try {
      const existing = await (attempt === 1 && asked !== undefined ? asked : findClient(cluster, name));
      if (existing === undefined) {
        const client = await cluster.create<Client>({
          apiVersion: groupVersion, kind: 'Client',
          metadata: { name, namespace: systemNamespace, labels: { [labels.managedBy]: managedBy, [labels.link]: name, [labels.version]: version } },
          spec: { owner, publicKey, ...(ttl === undefined ? {} : { ttl }) },
        });
        onCreated?.();
        return { client, created: true };
      }
      if (existing.spec.owner !== owner) {
        throw new BridgeError({ kind: 'refused', code: 'client-of-another', what: `the link ${name} belongs to ${existing.spec.owner}`, why: 'its user has a name that gives the same link name, or it was made by hand', next: `ask an administrator for: kubectl -n ${systemNamespace} delete client ${name}` });
      }
      if (existing.spec.publicKey === publicKey && (ttl === undefined || ttl === existing.spec.ttl)) return { client: existing, created: false };
      // A new cargo has a new key. The hub changes the peer; address and bridges stay.
      return { client: await cluster.patch<Client>(resources.Client, name, { spec: { publicKey, ...(ttl === undefined ? {} : { ttl }) } }, { namespace: systemNamespace }), created: false };
    } catch (error) {
      if (attempt >= attempts || !hasCode(error, 'cluster-already-exists', 'cluster-not-found', 'cluster-conflict')) throw notInstalled(error, cluster);
    }
  }
}

/** The namespace is missing, or the kind: both mean that there is no podbridge in the cluster. */
function notInstalled(error: unknown, cluster: Cluster): unknown {
  if (!hasCode(error, 'cluster-not-found', 'cluster-kind-missing')) return error;
  return new BridgeError({ kind: 'environment', code: 'not-installed', what: `podbridge is not installed in the cluster of context ${cluster.context.name}`, next: 'bridge install', cause: error });
}

/** What the client still waits for; undefined when everything is there. */
export function missing(client: Client | undefined): string | undefined {
  const status = client?.status;
  if (status?.address === undefined || status.cluster === undefined) return 'the controller to give the link an address';
  if (status.hub === undefined) return 'the hub to know the link';
  return undefined;
}

export async function ensureClient(request: ClientRequest): Promise<ReadyClient> {
  const { cluster, name, signal, waiting } = request;
  const { client: made, created } = await createOrPatch(request);
  let last: Client | undefined = made;
  if (missing(made) !== undefined) {
    try {
      await cluster.until<Client>(resources.Client, name, (client) => {
        last = client;
        const words = missing(client);
        if (words !== undefined) waiting?.(words);
        return words === undefined;
      }, { namespace: systemNamespace, timeoutMs: timing.linkClientTimeoutMs, ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      if (!hasCode(error, 'cluster-timeout')) throw error;
      const refusal = last?.status?.conditions?.find(({ type, status }) => type === 'Peer' && status === 'False');
      throw new BridgeError({
        kind: 'timeout', code: 'link-not-served', what: `the cluster did not set up the link within ${timing.linkClientTimeoutMs / 1000} s: it still waits for ${missing(last) ?? 'nothing'}`,
        why: refusal?.message ?? 'controller or hub do not run', next: `kubectl -n ${systemNamespace} get pods,clients`, cause: error,
      });
    }
  }
  const { address, cluster: facts, hub } = last?.status ?? {};
  if (last === undefined || address === undefined || facts === undefined || hub === undefined) throw new Error(`client ${name} was ready and is not any more`);
  return { client: last, address, cluster: facts, hub, created };
}
