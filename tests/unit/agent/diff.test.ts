/** Two answers compared: what differs, in few words, without secrets. */
import { describe, expect, test } from '@jest/globals';
import { differenceText } from '../../../cli/bridge/difference-text.ts';
import { mostDifferences } from '../../../protocol/tap.ts';
import { differenceOf, type Answer } from '../../../stowaway-image/src/agent/diff/compare.ts';
import { readAnswer, readDiffLine } from '../../../stowaway-image/src/agent/diff/read-line.ts';
import { diffLimits } from '../../../stowaway-image/src/agent/proxy/lua-program.ts';
import { frontend } from './fixtures.ts';

const answer = (body: unknown, more: Partial<Answer> = {}): Answer => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status: 200, contentType: typeof body === 'string' ? 'text/html' : 'application/json', body: text, bytes: Buffer.byteLength(text), whole: true, ...more };
};

describe('JSON', () => {
  test('by path, order of keys aside', () => {
    expect(differenceOf(answer({ a: 1, items: [{ price: 35 }, { price: 9 }] }), answer({ items: [{ price: 28 }, { price: 9 }], a: 1 }))?.at).toEqual([{ place: '$.items[0].price', original: '35', copy: '28' }]);
    expect(differenceOf(answer({ a: 1 }), answer({ a: 1 }))).toBeUndefined();
    expect(differenceOf(answer({ a: 1 }), answer({ b: [1] }))?.at).toEqual([{ place: '$.a', original: '1' }, { place: '$.b', copy: '[1]' }]);
  });

  test('secrets are masked, also inside of what is shown whole', () => {
    const text = JSON.stringify(differenceOf(answer({ token: 'one', nested: 1, session: { id: 'a' } }), answer({ token: 'two', nested: { password: 'two' }, session: { id: 'b' } })));
    expect(text).toContain('$.session.id');
    expect(text).not.toMatch(/one|two|"a"|"b"/);
  });

  test('bounded: so many places, so long', () => {
    const difference = differenceOf(answer(Array.from({ length: 50 }, () => 'x'.repeat(500))), answer(Array.from({ length: 50 }, () => 'y'.repeat(500))))!;
    expect([difference.at.length, difference.more, difference.at[0]!.original!.length]).toEqual([mostDifferences, 50 - mostDifferences, 203]);
  });
});

test('status, text by line, binary by size, no answer at all', () => {
  expect(differenceOf(answer('same'), answer('same', { status: 500 }))).toMatchObject({ status: 500, at: [] });
  expect(differenceOf(answer('a\nb\nc'), answer('a\nB\nc'))?.at).toEqual([{ place: 'line 2', original: 'b', copy: 'B' }]);
  expect(differenceOf(answer('x', { contentType: 'image/png', body: '\u0000a' }), answer('x', { contentType: 'image/png', body: '\u0000b', bytes: 2 }))?.at).toEqual([{ place: 'body', original: '1 bytes', copy: '2 bytes' }]);
  expect(differenceOf(answer('a'), { contentType: '', body: '', bytes: 0, whole: true })).toEqual({ bytes: 0, at: [], more: 0 });
});

test('an answer as it comes over the wire: with its length, in chunks, cut off', () => {
  const wire = (text: string, total = text.length) => readAnswer(Buffer.from(text), total);
  expect(wire('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello')).toEqual({ status: 200, contentType: 'text/plain', body: 'hello', bytes: 5, whole: true });
  expect(wire('HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n')).toMatchObject({ status: 404, body: 'hello', bytes: 5 });
  expect(wire('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhello', 100_040)).toMatchObject({ bytes: 100_000, whole: false });
  expect(wire('')).toEqual({ contentType: '', body: '', bytes: 0, whole: true });
});

test('a line of HAProxy becomes an event of its bridge; other lines do not', () => {
  const hex = (text: string) => Buffer.from(text).toString('hex');
  const made = frontend([]);
  const line = (body: string) => JSON.stringify({ diff: 'demo/api', frontend: made.id, ms: 1_800_000_000_000, took: 7, method: hex('GET'), path: hex('/x?token=1'), status: 200, type: hex('application/json'), encoding: '', bytes: 7, body: hex('{"a":1}'), copyBytes: 50, copy: hex(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n${body}`) });
  const read = (text: string) => readDiffLine(text, [made], () => 'api-1');
  const { bridges, event } = read(line('{"a":2}'))!;
  expect(bridges).toEqual([{ bridge: 'demo/api', headers: false }]);
  expect(event).toMatchObject({ pod: 'api-1', method: 'GET', path: '/x?token=***', status: 200, difference: { status: 200, at: [{ place: '$.a', original: '1', copy: '2' }] } });
  expect(differenceText(event)).toBe(`08:00:00.000 api-1:${made.port} GET /x?token=***: original 200 (7 bytes), copy 200 (7 bytes)\n    $.a: 1 -> 2`);
  expect(read(line('{"a":1}'))?.event).not.toHaveProperty('difference');
  expect([read('{"ms":1}'), read('{"diff":"cut'), readDiffLine(line('{}'), [], () => '')]).toEqual([undefined, undefined, undefined]);
  expect(diffLimits.bodyBytes).toBeLessThanOrEqual(8192);
});
