/** One line about a pair of answers (proxy/lua-program.ts) as an event. */
import { diffLimits } from '../proxy/lua-program.ts';
import type { Frontend } from '../proxy/model.ts';
import { maskPath } from '../tap/mask.ts';
import type { TappedRequest } from '../tap/read-line.ts';
import { differenceOf, type Answer } from './compare.ts';

interface Line {
  diff: string; frontend: string; ms: number; took: number;
  /** In hex: */
  method: string; path: string; type: string; encoding: string; body: string; copy: string;
  status: number; bytes: number; copyBytes: number;
}

const text = (hex: string): string => Buffer.from(hex, 'hex').toString('utf8');

/** @param podOf the name of the pod that a frontend stands in. @returns undefined for every other line */
export function readDiffLine(line: string, frontends: readonly Frontend[], podOf: (netns: string) => string): TappedRequest | undefined {
  if (!line.startsWith('{"diff":')) return undefined;
  let fields: Line;
  try {
    fields = JSON.parse(line) as Line;
  } catch {
    return undefined;
  }
  const frontend = frontends.find(({ id }) => id === fields.frontend);
  if (frontend === undefined) return undefined;
  const encoded = text(fields.encoding);
  const original: Answer = { status: fields.status, contentType: encoded === '' || encoded === 'identity' ? text(fields.type) : 'application/octet-stream', body: text(fields.body), bytes: fields.bytes, whole: fields.bytes <= diffLimits.bodyBytes };
  const difference = differenceOf(original, readAnswer(Buffer.from(fields.copy, 'hex'), fields.copyBytes));
  return {
    bridges: [{ bridge: fields.diff, headers: false }],
    event: {
      at: new Date(fields.ms).toISOString(), pod: podOf(frontend.netns), port: frontend.port, client: '', method: text(fields.method), path: maskPath(text(fields.path)), status: fields.status, ms: fields.took,
      version: '1.1', tls: false, by: 'original', bytes: fields.bytes, ...(difference === undefined ? {} : { difference }),
    },
  };
}

/** An HTTP/1.1 answer as it came over the wire, or its beginning. @param total bytes that came */
export function readAnswer(raw: Buffer, total: number): Answer {
  const end = raw.indexOf('\r\n\r\n');
  const [first = '', ...lines] = (end === -1 ? '' : raw.subarray(0, end).toString('latin1')).split('\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1];
  if (status === undefined) return { contentType: '', body: '', bytes: 0, whole: true };
  const header = (name: string): string => lines.find((line) => line.toLowerCase().startsWith(`${name}:`))?.slice(name.length + 1).trim() ?? '';
  const rest = raw.subarray(end + 4);
  const cutOff = total > raw.length;
  const chunked = /\bchunked\b/i.test(header('transfer-encoding'));
  const body = chunked ? unchunked(rest) : rest;
  const declared = Number(header('content-length'));
  const encoded = header('content-encoding');
  // How long a chunked answer is in the end is not known when its end was not kept.
  const bytes = !cutOff ? body.length : header('content-length') === '' ? total - end - 4 : declared;
  return { status: Number(status), contentType: encoded === '' || encoded === 'identity' ? header('content-type') : 'application/octet-stream', body: body.subarray(0, diffLimits.bodyBytes).toString('utf8'), bytes, whole: !cutOff && body.length <= diffLimits.bodyBytes };
}

/** RFC 9112, 7.1. */
function unchunked(data: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < data.length;) {
    const line = data.indexOf('\r\n', at);
    const size = line === -1 ? NaN : Number.parseInt(data.subarray(at, line).toString('latin1'), 16);
    if (!(size > 0)) break;
    parts.push(data.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
