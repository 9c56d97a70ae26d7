/** List, then watch from there, for ever: resumes where it stood, starts over when that is too old. client-node's informer stops at any error. */
import { setTimeout as delay } from 'node:timers/promises';
import { isBridgeError } from '../../errors.ts';
import { timing } from '../../timing.ts';
import type { KubeObject, Listing, WatchEvent, WatchOptions } from './cluster.ts';
import type { Connection } from './connection.ts';
import { errorFromStatus, type Status } from './errors.ts';
import { resourcePath, type ResourceType } from './resources.ts';

interface Line<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: T;
}

const goneCode = 410;

/** What time does not heal: the caller must hear of it. */
function isFinal(error: unknown): boolean {
  return isBridgeError(error) && ['cluster-unauthorized', 'cluster-forbidden', 'cluster-kind-missing', 'cluster-credentials', 'cluster-invalid'].includes(error.facts.code);
}

export async function* watchLoop<T extends KubeObject>(
  connection: Connection, list: (options: WatchOptions) => Promise<Listing<T>>, type: ResourceType, options: WatchOptions, random: () => number = Math.random,
): AsyncGenerator<WatchEvent<T>> {
  const signal = options.signal ?? new AbortController().signal;
  const eventNames = { ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const;
  let resourceVersion: string | undefined;
  let everListed = false;
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (resourceVersion === undefined) {
        const listing = await list(options);
        everListed = true;
        if (signal.aborted) return;
        resourceVersion = listing.resourceVersion;
        yield { type: 'synced', items: listing.items };
      }
      const request = {
        method: 'GET' as const, path: resourcePath(type, options.namespace), asked: { verb: 'watch' as const, type, namespace: options.namespace },
        query: {
          watch: '1', allowWatchBookmarks: 'true', resourceVersion, labelSelector: options.labelSelector, fieldSelector: options.fieldSelector,
          timeoutSeconds: String(timing.watchServerTimeoutSeconds),
        },
      };
      for await (const text of connection.lines(request, signal)) {
        const line = JSON.parse(text) as Line<T>;
        if (line.type === 'ERROR') {
          const status = line.object as unknown as Status;
          throw Object.assign(errorFromStatus(status.code ?? 500, status, request.asked, connection.context), { gone: status.code === goneCode });
        }
        failures = 0;
        resourceVersion = line.object.metadata.resourceVersion;
        if (line.type !== 'BOOKMARK') yield { type: eventNames[line.type], object: { ...line.object, apiVersion: type.apiVersion, kind: type.kind } };
      }
    } catch (error) {
      if (signal.aborted) return;
      // The first answer decides whether the question makes sense at all; later, only what cannot heal ends the watch.
      if (!everListed || isFinal(error)) throw error;
      const cause = isBridgeError(error) ? (error.facts.cause as { code?: unknown } | undefined) : undefined;
      if ((error as { gone?: boolean }).gone === true || cause?.code === goneCode) resourceVersion = undefined;
    }
    if (signal.aborted) return;
    const ceiling = Math.min(timing.watchResumeMaxDelayMs, timing.watchResumeMinDelayMs * 2 ** failures++);
    await delay(ceiling * (0.5 + random() / 2), undefined, { signal }).catch(() => undefined);
  }
}
