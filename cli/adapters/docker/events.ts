/** The daemon's events, resumed with `since` when the connection breaks: such streams die silently with the daemon. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import type { Session } from './connect.ts';
import type { DockerEvent, EventFilter } from './docker.ts';
import { labelFilter } from './labels.ts';

const reconnectDelayMs = 500;
const nanosPerSecond = 1_000_000_000;

interface RawEvent { Type: string; Action: string; Actor: { ID: string; Attributes?: Record<string, string> }; timeNano: number }

function filters({ type, events, labels, container }: EventFilter): string {
  return JSON.stringify({
    ...(type === undefined ? {} : { type: [type] }), ...(events === undefined ? {} : { event: events }),
    ...(labels === undefined ? {} : { label: labelFilter(labels) }), ...(container === undefined ? {} : { container: [container] }),
  });
}

function toEvent(raw: RawEvent): DockerEvent {
  return { type: raw.Type, action: raw.Action, id: raw.Actor.ID, attributes: raw.Actor.Attributes ?? {}, timeNano: raw.timeNano };
}

export function createPastEvents({ client, attempt }: Session) {
  return (filter: EventFilter, sinceMs: number): Promise<DockerEvent[]> => attempt('tell its past events', async () => {
    // With an end in the past the daemon ends the stream.
    const stream = await client.getEvents({ filters: filters(filter), since: (sinceMs / 1000).toFixed(3), until: (Date.now() / 1000).toFixed(3) } as object) as Readable;
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text.split('\n').filter((line) => line.trim() !== '').map((line) => toEvent(JSON.parse(line) as RawEvent));
  });
}

export function createEvents({ client, fail }: Session) {
  return async function* events(filter: EventFilter, signal: AbortSignal): AsyncGenerator<DockerEvent> {
    let sinceNano: number | undefined;
    let connected = false;
    while (!signal.aborted) {
      let stream: Readable | undefined;
      const abort = (): void => { stream?.destroy(); };
      try {
        stream = await client.getEvents({ filters: filters(filter), ...(sinceNano === undefined ? {} : { since: (sinceNano / nanosPerSecond).toFixed(9) } as object) }) as Readable;
        connected = true;
        signal.addEventListener('abort', abort, { once: true });
        if (signal.aborted) return abort();
        let rest = '';
        for await (const chunk of stream) {
          const lines = (rest + String(chunk)).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines.filter((each) => each.trim() !== '')) {
            const raw = JSON.parse(line) as RawEvent;
            // `since` is inclusive: the last one comes again.
            if (sinceNano !== undefined && raw.timeNano <= sinceNano) continue;
            sinceNano = raw.timeNano;
            yield toEvent(raw);
          }
        }
      } catch (error) {
        if (signal.aborted) return;
        // Never connected: there is no daemon to come back.
        if (!connected) throw fail(error, 'tell its events');
      } finally {
        signal.removeEventListener('abort', abort);
        stream?.destroy();
      }
      await sleep(reconnectDelayMs, undefined, { signal }).catch(() => undefined);
    }
  };
}
