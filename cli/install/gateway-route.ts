/** Does the Gateway take the route of previews? The API server takes an HTTPRoute for any Gateway; whoever serves it says in the route's status what he makes of it. */
import { names, systemNamespace } from '../../protocol/names.ts';
import type { Condition } from '../../protocol/objects.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import type { PreviewExposure } from './manifests/preview.ts';

interface Route extends KubeObject {
  status?: { parents?: { parentRef: { namespace?: string; name: string }; conditions?: (Condition & { observedGeneration?: number })[] }[] };
}

/** What the Gateway `NAMESPACE/NAME` makes of the route as it is now; undefined: nobody has looked at it. */
function verdict(route: Route | undefined, gateway: string): Condition | undefined {
  const parent = route?.status?.parents?.find(({ parentRef: { namespace = systemNamespace, name } }) => `${namespace}/${name}` === gateway);
  return parent?.conditions?.find(({ type, observedGeneration }) => type === 'Accepted' && (observedGeneration ?? route?.metadata.generation) === route?.metadata.generation);
}

/** Waits a moment for it: a Gateway may refuse at first what it takes when it has seen all. @returns why the route is not taken, in words; undefined when it is, previews go another way, or this user may not look */
export async function unservedRoute(cluster: Cluster, { way, name: gateway = '' }: PreviewExposure): Promise<string | undefined> {
  if (way !== 'gateway') return undefined;
  let last: Condition | undefined;
  const accepted = (route: Route | undefined): boolean => {
    last = verdict(route, gateway);
    return last?.status === 'True';
  };
  try {
    await cluster.until<Route>(resources.HTTPRoute, names.preview, accepted, { namespace: systemNamespace, timeoutMs: timing.gatewayVerdictTimeoutMs });
    return undefined;
  } catch (error) {
    const code = isBridgeError(error) ? error.facts.code : undefined;
    if (code !== 'cluster-timeout' && code !== 'cluster-forbidden') throw error;
    if (last !== undefined) return `Gateway ${gateway} does not take it (${[last.reason, last.message].filter(Boolean).join(': ')})`;
    // Who may write the route need not be allowed to watch it.
    return code === 'cluster-forbidden' ? undefined : `no controller has looked at it for Gateway ${gateway}: there may be no such Gateway`;
  }
}
