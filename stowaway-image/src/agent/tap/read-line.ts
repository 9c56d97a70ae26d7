/** One line of HAProxy (proxy/tap-lines.ts) as an event, and for whom it is. */
import { markBaggageKey } from '../../../../protocol/rule.ts';
import type { TapEvent } from '../../../../protocol/tap.ts';
import type { Frontend } from '../proxy/model.ts';
import { tapId } from '../proxy/tap-lines.ts';
import { maskHeaders, maskPath } from './mask.ts';

export interface TappedRequest {
  event: TapEvent;
  /** Bridges that asked for it; those without headers get the event without them. */
  bridges: { bridge: string; headers: boolean }[];
}

/** Base64 of a header block: lines `name: value`. */
function headersOf(base64: unknown): [name: string, value: string][] {
  if (typeof base64 !== 'string') return [];
  return Buffer.from(base64, 'base64').toString('utf8').split('\r\n').flatMap((line) => {
    const colon = line.indexOf(':');
    return colon <= 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string]];
  });
}

function markOf(baggage: unknown): string | undefined {
  if (typeof baggage !== 'string') return undefined;
  return new RegExp(`(?:^|,)\\s*${markBaggageKey}=([^;,\\s]+)`).exec(baggage)?.[1];
}

/** @param podOf the name of the pod that a frontend stands in. @returns undefined for what is no such line, or is of a frontend that is gone */
export function readTapLine(line: string, frontends: readonly Frontend[], podOf: (netns: string) => string): TappedRequest | undefined {
  if (!line.startsWith('{')) return undefined;
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const text = (name: string): string => (typeof fields[name] === 'string' ? fields[name] : '');
  const count = (name: string): number => (typeof fields[name] === 'number' ? fields[name] : 0);
  const [, kind = '', id = ''] = /^([ft])_(.+)$/.exec(text('fe')) ?? [];
  const frontend = frontends.find((candidate) => candidate.id === id);
  if (frontend === undefined) return undefined;
  const ids = new Set(text('taps').split(' '));
  const bridges = frontend.taps.filter(({ bridge }) => ids.has(tapId(bridge))).map(({ bridge, headers }) => ({ bridge, headers }));
  const hubPort = Number(/_(\d+)$/.exec(text('be'))?.[1]);
  const route = frontend.routes.find(({ hub }) => hub.port === hubPort);
  const mark = markOf(fields['baggage']);
  const server = text('srv');
  return {
    bridges,
    event: {
      at: new Date(count('ms')).toISOString(), pod: podOf(frontend.netns), port: frontend.port, client: text('client'), method: text('method'), path: maskPath(text('path')),
      ...(count('status') === 0 ? {} : { status: count('status') }), ms: Math.max(0, count('end') - count('ms')), version: text('version'), tls: kind === 't', ...(mark === undefined ? {} : { mark }),
      by: server.startsWith('orig') ? 'original' : server === 'bridge' ? route?.bridge ?? 'a bridge' : 'agent', bytes: count('bytes'),
      requestHeaders: maskHeaders(headersOf(fields['asked'])), responseHeaders: maskHeaders(headersOf(fields['answered'])),
    },
  };
}
