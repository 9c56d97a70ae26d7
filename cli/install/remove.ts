import type { Cluster } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import type { Found } from './find-ours.ts';

interface Terminating {
  metadata: Found['object']['metadata'];
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

/** Deletes, without waiting; what is not there any more is no error. */
export async function removeAll(cluster: Cluster, found: Found[]): Promise<void> {
  await Promise.all(found.map(({ type, object: { metadata: { name, namespace } } }) => cluster.delete(type, name, namespace === undefined ? {} : { namespace })));
}

/** Waits until these very objects are gone. Throws uninstall-stuck with Kubernetes' own reason. */
export async function untilGone(cluster: Cluster, found: Found[], waiting: (waitingFor: string) => void, now: () => number): Promise<void> {
  const end = now() + timing.uninstallGoneTimeoutMs;
  let left = found;
  for (;;) {
    const present = await Promise.all(left.map(async (each) => {
      const { name, namespace } = each.object.metadata;
      const current = await cluster.find<Found['object'] & Terminating>(each.type, name, namespace);
      // Another object of that name is not the one that was removed.
      return current === undefined || current.metadata.uid !== each.object.metadata.uid ? undefined : { each, current };
    }));
    const remaining = present.filter((each) => each !== undefined);
    if (remaining.length === 0) return;
    left = remaining.map(({ each }) => each);
    const first = remaining[0]!;
    const why = whyStill(first.current);
    const words = `${first.each.type.kind} ${first.each.object.metadata.name}${why === undefined ? '' : ` (${why})`}`;
    waiting(words);
    if (now() >= end) {
      throw new BridgeError({
        kind: 'timeout', code: 'uninstall-stuck', what: `${words} is deleted but does not go away`, why: 'a finalizer or an unavailable API service of somebody else holds it',
        next: `${cluster.context.kubectl} get ${first.each.type.plural} ${first.each.object.metadata.name} -o yaml`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, timing.uninstallPollIntervalMs));
  }
}

/** Conditions of a terminating namespace (NamespaceDeletionContentFailure, ...) and of a custom resource definition (Terminating). */
function whyStill({ status }: Terminating): string | undefined {
  return status?.conditions?.find(({ status: value, type }) => value === 'True' && /Deletion|Content|Finalizers|Terminating/.test(type))?.message;
}
