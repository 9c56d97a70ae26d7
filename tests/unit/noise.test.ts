/**
 * Deterministic noise for everything that comes from outside a part: datagrams, lines, messages, rules, names. None may be taken for
 * something that it is not, and none may end in anything but "no" or an error that people can read. A failure repeats with its seed.
 */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, jest, test } from '@jest/globals';
import { createFrameReader } from '../../cargo-image/src/dns/ask.ts';
import { messageId, questionName, rcode, serverFailure } from '../../cargo-image/src/dns/message.ts';
import { answerLine, type Handlers } from '../../cargo-image/src/control/server.ts';
import { createTracker } from '../../cargo-image/src/heartbeat/tracker.ts';
import { checkName, defaultBridgeName, ownerSlug } from '../../cli/bridge/owner-slug.ts';
import { rulesFromFlags } from '../../cli/bridge/rules.ts';
import { isBridgeError } from '../../cli/errors.ts';
import { parseTarget } from '../../cli/target/parse-target.ts';
import { open, seal, type SealedMessage } from '../../protocol/seal.ts';
import { parseHeartbeat } from '../../stowaway-image/src/hub/heartbeat-message.ts';
import { nastyText, noise } from './agent/noise.ts';

jest.setTimeout(60_000);
const rounds = 500;
const bytes = (random: () => number, most: number): Buffer => Buffer.from(Array.from({ length: Math.floor(random() * most) }, () => Math.floor(random() * 256)));
/** Some bytes of a good message changed, or its end cut off. */
function damaged(random: () => number, good: Buffer): Buffer {
  const bad = Buffer.from(good.subarray(0, random() < 0.5 ? good.length : Math.floor(random() * good.length)));
  for (let change = 0; change < 1 + random() * 3 && bad.length > 0; change++) bad[Math.floor(random() * bad.length)] = Math.floor(random() * 256);
  return bad;
}

describe('noise', () => {
  test('in a heartbeat is no heartbeat, or one whose every field is right', () => {
    const random = noise(11);
    const good = Buffer.from(JSON.stringify({ v: 1, seq: 7, transport: 'udp', ended: [{ namespace: 'shop', name: 'api-ann' }] }));
    for (let round = 0; round < rounds; round++) {
      const heard = parseHeartbeat(round % 2 === 0 ? damaged(random, good) : bytes(random, 2000));
      if (heard === undefined) continue;
      expect([heard.v, Number.isSafeInteger(heard.seq), ['docker', 'udp', 'api'].includes(heard.transport)]).toEqual([1, true, true]);
      for (const { namespace, name } of heard.ended) expect(`${namespace}/${name}`).toMatch(/^[a-z0-9.-]+\/[a-z0-9.-]+$/);
    }
  });

  test('in an echo is no echo', () => {
    const random = noise(12);
    const tracker = createTracker();
    const good = Buffer.from(JSON.stringify({ v: 1, seq: 1_000_000, gone: [] }));
    for (let round = 0; round < rounds; round++) {
      const gone = tracker.echo(round % 2 === 0 ? damaged(random, good) : bytes(random, 400), round);
      expect(gone === undefined || Array.isArray(gone)).toBe(true);
    }
  });

  test('at the control socket is answered with an error, and reaches nothing', async () => {
    const random = noise(13);
    const reached: string[] = [];
    const handlers = new Proxy({}, { get: (_, method) => async () => { reached.push(String(method)); return {}; } }) as Handlers;
    const good = Buffer.from(JSON.stringify({ id: 4, method: 'forward', params: { bridge: { namespace: 'shop', name: 'api' }, forwards: [{ hubPort: 20001, protocol: 'TCP', address: '10.0.0.1', port: 80 }] } }));
    for (let round = 0; round < rounds; round++) {
      const line = round % 3 === 0 ? bytes(random, 300).toString('latin1') : round % 3 === 1 ? damaged(random, good).toString('utf8') : JSON.stringify({ id: round, method: nastyText(random), params: { bridge: nastyText(random) } });
      const answer = await answerLine(handlers, line, { onEnd: () => undefined });
      if ('error' in answer) expect(['usage', 'refused']).toContain(answer.error.code);
    }
    // What got through was still a right request of the one method that the noise was made from.
    expect(new Set(reached).size).toBeLessThanOrEqual(1);
  });

  test('in a DNS message is passed on or refused, and never more than its frame says', () => {
    const random = noise(14);
    for (let round = 0; round < rounds; round++) {
      const query = bytes(random, 200);
      if (query.length >= 12) {
        expect(typeof questionName(query)).toMatch(/string|undefined/);
        expect(messageId(serverFailure(query))).toBe(messageId(query));
        expect(rcode(serverFailure(query))).toBe(2);
      }
      const frames: Buffer[] = [];
      const read = createFrameReader((frame) => frames.push(frame));
      const stream = bytes(random, 400);
      for (let at = 0; at < stream.length; at += 37) read(stream.subarray(at, at + 37));
      expect(frames.reduce((sum, frame) => sum + frame.length + 2, 0)).toBeLessThanOrEqual(stream.length);
    }
  });

  test('in a sealed message opens nothing', () => {
    const random = noise(15);
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    const raw = (key: typeof privateKey, part: 'd' | 'x'): string => Buffer.from(key.export({ format: 'jwk' })[part] ?? '', 'base64url').toString('base64');
    const good = seal(raw(publicKey, 'x'), Buffer.from('PASSWORD=secret'));
    expect(open(raw(privateKey, 'd'), good).toString()).toBe('PASSWORD=secret');
    expect(() => open(raw(privateKey, 'd'), { ...good, box: Buffer.alloc(6).toString('base64') })).toThrow(/16 bytes/);
    for (let round = 0; round < rounds / 2; round++) {
      const field = (['key', 'nonce', 'box'] as const)[round % 3]!;
      const before = Buffer.from(good[field], 'base64');
      const after = damaged(random, before);
      if (after.equals(before)) continue;
      const bad: SealedMessage = { ...good, [field]: after.toString('base64') };
      // The highest bit of an X25519 key does not count (RFC 7748 section 5); the exchange is then the same, the derived key is not.
      expect(() => open(raw(privateKey, 'd'), bad)).toThrow();
    }
  });

  test('in flags and names gives an error for people, or something that fits into an object', () => {
    const random = noise(16);
    const attempt = <T>(act: () => T): T | undefined => {
      try {
        return act();
      } catch (error) {
        if (!isBridgeError(error)) throw error;
        expect([error.facts.kind, error.facts.what.length > 0]).toEqual(['usage', true]);
        return undefined;
      }
    };
    const none = { header: [], mark: [], path: [], pathPrefix: [], pathRegex: [], method: [] };
    for (let round = 0; round < rounds; round++) {
      const text = round % 2 === 0 ? nastyText(random) : bytes(random, 40).toString('utf8');
      const target = attempt(() => parseTarget(round % 3 === 0 ? `deploy/${text}` : text));
      if (target !== undefined) expect(target.name).toMatch(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
      attempt(() => checkName(text));
      expect(ownerSlug(text)).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
      expect(attempt(() => checkName(defaultBridgeName('web', text)))).toBe(undefined);
      for (const flag of Object.keys(none)) for (const rule of attempt(() => rulesFromFlags({ ...none, [flag]: [text] })) ?? []) expect(JSON.stringify(rule)).not.toMatch(/\\u00[01]/);
    }
  });
});
