/** Brings the manifests into the cluster by server-side apply: what is there already and equal stays as it is. */
import { resources, resourceFor, type Cluster } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import type { Manifest } from './manifests/manifest.ts';

/** Everything in the namespace needs it first; kinds of ours come next, so that they are served by the time our pods ask for them. */
const first = new Set(['Namespace']);

export async function applyAll(cluster: Cluster, manifests: Manifest[], signal?: AbortSignal): Promise<void> {
  const [early, rest] = [manifests.filter(({ kind }) => first.has(kind)), manifests.filter(({ kind }) => !first.has(kind))];
  await Promise.all(early.map((manifest) => applyOne(cluster, manifest, signal)));
  await Promise.all(rest.map((manifest) => applyOne(cluster, manifest, signal)));
}

/**
 * Tries again on what heals: another `bridge install` at the same moment (conflict), a namespace that an API server
 * does not see yet. Where a field cannot be changed (a selector, a role reference) the object is made anew.
 */
async function applyOne(cluster: Cluster, manifest: Manifest, signal?: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      await cluster.apply(manifest);
      return;
    } catch (error) {
      if (attempt >= timing.applyAttempts || !isBridgeError(error)) throw error;
      if (error.facts.code === 'cluster-invalid' && isImmutable(error.facts.detail)) await remove(cluster, manifest);
      else if (!['cluster-conflict', 'cluster-already-exists', 'cluster-not-found'].includes(error.facts.code)) throw error;
      else await new Promise((resolve) => setTimeout(resolve, timing.applyRetryDelayMs));
    }
  }
}

/** Texts of the API server: "field is immutable"; "updates to statefulset spec for fields other than ... are forbidden"; "cannot change roleRef"; "may not be changed in an update". */
function isImmutable(detail: string | undefined): boolean {
  return /immutable|updates to statefulset spec for fields other than|cannot change roleRef|may not be changed in an update/.test(detail ?? '');
}

async function remove(cluster: Cluster, manifest: Manifest): Promise<void> {
  const type = resourceFor(manifest);
  // A namespace or CRD takes users' objects with it: those are never removed to be changed.
  if (type === undefined || type === resources.Namespace || type === resources.CustomResourceDefinition) return;
  const { name, namespace } = manifest.metadata;
  await cluster.delete(type, name, { ...(namespace === undefined ? {} : { namespace }), propagation: 'Foreground' });
  await cluster.until(type, name, (object) => object === undefined, { ...(namespace === undefined ? {} : { namespace }), timeoutMs: timing.replaceTimeoutMs });
}
