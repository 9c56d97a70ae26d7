/** Targets of kinds that podbridge does not know: the cluster tells the kind, its scale subresource the pods. */
import type { Cluster, DiscoveredKind, Scale } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';
import type { TargetRef } from './parse-target.ts';

const groupOf = ({ apiVersion }: DiscoveredKind): string => apiVersion.split('/')[0] ?? '';

/** `rollouts.argoproj.io` */
function qualified(kind: DiscoveredKind): string {
  return `${kind.plural}.${groupOf(kind)}`;
}

/** Throws `target-kind-unknown`, `target-kind-ambiguous`, `target-without-scale`. */
export async function findKind(cluster: Cluster, { kind: word, group = '', name }: TargetRef): Promise<{ type: DiscoveredKind; ref: TargetRef }> {
  const all = await cluster.kinds();
  const wanted = all.filter((type) => [type.kind.toLowerCase(), type.plural, type.singular, ...type.shortNames].includes(word) && (group === '' || groupOf(type) === group));
  // A kind may go by a short name of others: whoever has a scale is meant.
  const scaled = wanted.filter(({ scales, namespaced }) => scales && namespaced);
  const [type] = scaled;
  if (scaled.length > 1) {
    throw new BridgeError({
      kind: 'usage', code: 'target-kind-ambiguous', what: `the cluster has several kinds ${word}: ${scaled.map(qualified).join(', ')}`, next: `name it as ${scaled[0]!.singular}.${groupOf(scaled[0]!)}/${name}`,
    });
  }
  if (type !== undefined) {
    const { apiVersion, kind, plural } = type;
    return { type, ref: { kind, name, resource: `${plural}.${apiVersion.split('/').reverse().join('.')}` } };
  }
  const [found] = wanted;
  if (found !== undefined) {
    throw new BridgeError({
      kind: 'usage', code: 'target-without-scale', what: `${qualified(found)} ${found.namespaced ? 'has no scale subresource' : 'are not in a namespace'}`,
      why: 'podbridge finds the pods of a kind that it does not know by its scale subresource (with a labelSelectorPath)', next: `name a pod of it, as pod/NAME, or the workload that ${found.kind} makes`,
    });
  }
  const meant = suggest(word, all.filter(({ scales }) => scales).map(({ singular }) => singular));
  throw new BridgeError({
    kind: 'usage', code: 'target-kind-unknown', what: `the cluster knows no kind '${word}${group === '' ? '' : `.${group}`}'`, why: meant === undefined ? 'no API group of it has a resource of that name' : `did you mean ${meant}?`,
    next: `${cluster.context.kubectl} api-resources --namespaced${group === '' ? '' : ` --api-group ${group}`}`,
  });
}

/** The selector of its pods. Throws `target-scale-forbidden`, `target-unsupported`, and what the API server says. */
export async function readScale(cluster: Cluster, type: DiscoveredKind, name: string, namespace: string): Promise<{ selector: string; replicas: number | undefined }> {
  let scale: Scale;
  try {
    scale = await cluster.scale(type, name, namespace);
  } catch (error) {
    if (!isBridgeError(error) || error.facts.code !== 'cluster-forbidden') throw error;
    throw new BridgeError({
      kind: 'refused', code: 'target-scale-forbidden', what: `you may not get ${qualified(type)}/scale in namespace ${namespace}`, why: 'the pods of a custom kind are found by its scale; the role podbridge-user allows to get */scale',
      ...(error.facts.next === undefined ? {} : { next: error.facts.next }), cause: error,
    });
  }
  const selector = scale.status?.selector ?? '';
  if (selector === '') {
    throw new BridgeError({ kind: 'usage', code: 'target-unsupported', what: `the scale of ${type.kind.toLowerCase()} ${name} tells no selector`, why: `its definition has no labelSelectorPath, or nothing has written it yet: podbridge cannot find its pods`, next: 'name a pod of it, as pod/NAME, or the workload that it makes' });
  }
  return { selector, replicas: scale.spec.replicas };
}
