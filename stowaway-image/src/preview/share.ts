/** What of the gateway's room previews get. Pure. */
import { UnusableValue } from '../agent/proxy/quote.ts';
import { previewPart } from './config.ts';
import type { LivePreview, PreviewPlan } from './plan.ts';

/**
 * Bytes of configuration: some 400 routes. A process of HAProxy takes 25 to 35 times as much memory, and some that were replaced stand beside
 * it for a while (proxy.ts): the limit of the pod (controller/preview-pod.ts) is for so many.
 */
export const mostConfigBytes = 1_500_000;
/** Of one preview: twice what 32 paths usually need, so that a few large ones do not take the room of all. */
const mostPreviewBytes = 350_000;

/**
 * Each preview is written for itself, so that one that cannot be written is left out alone. Where there is too little room, namespaces have
 * equal shares of it, and in a namespace those that come first in `wanted` have what there is.
 */
export function share(wanted: readonly LivePreview[], domain: string, room = mostConfigBytes): { served: LivePreview[]; unserved: PreviewPlan['unserved'] } {
  const queues = new Map<string, LivePreview[]>();
  for (const preview of wanted) {
    const queue = queues.get(preview.namespace);
    if (queue === undefined) queues.set(preview.namespace, [preview]);
    else queue.push(preview);
  }
  const used = new Map([...queues.keys()].map((namespace) => [namespace, 0]));
  const [served, unserved]: [LivePreview[], PreviewPlan['unserved']] = [[], []];
  let left = room;
  while (queues.size > 0) {
    const namespace = [...queues.keys()].reduce((least, each) => (used.get(each)! < used.get(least)! ? each : least));
    const queue = queues.get(namespace)!;
    const preview = queue.shift();
    if (preview === undefined) {
      queues.delete(namespace);
      continue;
    }
    const bytes = bytesOf(preview, domain);
    if (typeof bytes === 'string') {
      unserved.push({ preview, why: bytes });
    } else if (bytes > left) {
      unserved.push(...[preview, ...queue].map((each) => ({ preview: each, why: `the gateway has no room for more previews of namespace ${namespace}` })));
      queues.delete(namespace);
    } else {
      left -= bytes;
      used.set(namespace, used.get(namespace)! + bytes);
      served.push(preview);
    }
  }
  return { served, unserved };
}

/** @returns words when it cannot be written, or is too large */
function bytesOf(preview: LivePreview, domain: string): number | string {
  try {
    const { entry, backends } = previewPart(preview, domain);
    const bytes = [...entry, ...backends].reduce((sum, { length }) => sum + length, 0);
    return bytes > mostPreviewBytes ? `its paths and headers make ${bytes} bytes of configuration, of at most ${mostPreviewBytes}` : bytes;
  } catch (error) {
    if (error instanceof UnusableValue) return error.message;
    throw error;
  }
}
