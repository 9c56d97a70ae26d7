import { createSocket, type Socket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { frame } from '../../../protocol/datagram-stream.ts';
import type { RelayAccess } from '../../../protocol/control.ts';
import { RelayError, type PortForwardEvents } from '../../../cargo-image/src/relay/port-forward.ts';
import { createRelay, type Relay } from '../../../cargo-image/src/relay/relay.ts';
import { until } from '../../support/wait.ts';

const access: RelayAccess = { server: 'https://api.example:6443', addresses: [{ host: 'a', port: 1 }, { host: 'b', port: 2 }], insecure: false, path: '/p', token: 'T', issuedAt: '2026-01-01T00:00:00Z', expiresAt: '2026-01-02T00:00:00Z' };
const datagram = (mark: number, size = 64): Buffer => {
  const bytes = Buffer.alloc(size, mark);
  Buffer.of(4, 0, 0, 0).copy(bytes);
  return bytes;
};

/** The API server: each attempt is answered by `answer`. */
let attempts: { host: string; token: string; events: PortForwardEvents; sent: Buffer[]; closed: boolean; queued: number }[];
let answer: (attempt: number) => Error | undefined;
let opened: number;
let relay: Relay;
let wireguard: Socket;
let heard: Buffer[];

beforeEach(async () => {
  [attempts, opened, heard, answer] = [[], 0, [], () => undefined];
  relay = createRelay({
    async connect({ token }, { host }, events) {
      const attempt = { host, token, events, sent: [] as Buffer[], closed: false, queued: 0 };
      attempts.push(attempt);
      const refusal = answer(attempts.length);
      if (refusal !== undefined) throw refusal;
      return { queued: () => attempt.queued, send: (data) => attempt.sent.push(Buffer.from(data)), close: () => { attempt.closed = true; events.onEnd('closed'); } };
    },
    onOpen: () => { opened += 1; }, log: () => undefined,
  });
  wireguard = createSocket('udp4');
  wireguard.on('message', (message) => heard.push(message));
  await new Promise<void>((resolve) => { wireguard.bind(0, '127.0.0.1', resolve); });
});
afterEach(() => {
  relay.end();
  wireguard.close();
});

const soon = <T>(what: string, ask: () => T | undefined): Promise<T> => until(what, async () => ask(), 10_000);
const send = async (bytes: Buffer): Promise<void> => { wireguard.send(bytes, (await relay.endpoint()).port, '127.0.0.1'); };
const isOpen = (): true | undefined => (relay.status()?.state === 'open' ? true : undefined);

describe('the relay', () => {
  test('is off until it is wanted and has a token', async () => {
    expect(relay.status()).toBeNull();
    relay.open();
    expect(attempts).toEqual([]);
    relay.give(access);
    await soon('open', isOpen);
    expect([attempts.length, opened]).toEqual([1, 1]);
    relay.close();
    expect([relay.status()?.state, attempts[0]?.closed]).toEqual(['off', true]);
  });

  test('carries datagrams both ways', async () => {
    relay.give(access);
    relay.open();
    await soon('open', isOpen);
    await send(datagram(1));
    await send(datagram(2, 1500));
    await soon('both', () => (Buffer.concat(attempts[0]!.sent).length >= 64 + 1500 + 4 ? true : undefined));
    expect(Buffer.concat(attempts[0]!.sent)).toEqual(Buffer.concat([frame(datagram(1)), frame(datagram(2, 1500))]));
    attempts[0]!.events.onData(frame(datagram(3)).subarray(0, 10));
    attempts[0]!.events.onData(frame(datagram(3)).subarray(10));
    await soon('the answer', () => heard[0]);
    expect(heard).toEqual([datagram(3)]);
  });

  test('is opened again when it breaks, and tries every address', async () => {
    answer = (attempt) => (attempt === 1 ? new RelayError('a:1: no answer') : undefined);
    relay.give(access);
    relay.open();
    await soon('open', isOpen);
    expect(attempts.map(({ host }) => host)).toEqual(['a', 'b']);
    attempts[1]!.events.onEnd('cut');
    expect(relay.status()).toMatchObject({ state: 'connecting', problem: 'cut' });
    await soon('open again', isOpen);
    // Where it got an answer it goes again.
    expect(attempts.map(({ host }) => host)).toEqual(['a', 'b', 'b']);
    expect(opened).toBe(2);
  });

  test('a token that is refused is not tried on and on, and a new one at once', async () => {
    answer = () => (attempts.at(-1)?.token === 'T' ? new RelayError('the API server answers 401: Unauthorized', 401) : undefined);
    relay.give(access);
    relay.open();
    await soon('the refusal', () => (relay.status()?.refused === true ? true : undefined));
    expect(relay.status()).toMatchObject({ state: 'connecting', problem: 'the API server answers 401: Unauthorized', expiresAt: access.expiresAt });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(attempts).toHaveLength(1);
    relay.give({ ...access, token: 'NEW' });
    await soon('open', isOpen);
    expect(relay.status()).toMatchObject({ problem: null, refused: false });
  });

  test('a new token leaves what is open alone', async () => {
    relay.give(access);
    relay.open();
    await soon('open', isOpen);
    relay.give({ ...access, token: 'NEW' });
    expect([attempts.length, attempts[0]?.closed]).toEqual([1, false]);
    attempts[0]!.events.onEnd('cut');
    await soon('open again', isOpen);
    expect(attempts[1]?.token).toBe('NEW');
  });

  test('what the stream cannot take is dropped, as a network would', async () => {
    relay.give(access);
    relay.open();
    await soon('open', isOpen);
    attempts[0]!.queued = 1_000_000;
    await send(datagram(1));
    await new Promise((resolve) => setTimeout(resolve, 100));
    attempts[0]!.queued = 0;
    await send(datagram(2));
    await soon('the second', () => attempts[0]!.sent[0]);
    expect(attempts[0]!.sent).toEqual([frame(datagram(2))]);
  });

  test('a mirror copies to the straight way and hears of it; muted, late datagrams go nowhere', async () => {
    const hub = createSocket('udp4');
    const copies: Buffer[] = [];
    hub.on('message', (message, from) => {
      copies.push(message);
      hub.send(datagram(9), from.port, from.address);
    });
    await new Promise<void>((resolve) => { hub.bind(0, '127.0.0.1', resolve); });
    relay.give(access);
    relay.open();
    await soon('open', isOpen);
    let answers = 0;
    const mirror = relay.mirror({ host: '127.0.0.1', port: hub.address().port }, () => { answers += 1; });
    await send(datagram(1));
    await soon('the answer', () => (answers === 1 ? true : undefined));
    await soon('it in WireGuard', () => heard[0]);
    expect([copies, heard]).toEqual([[datagram(1)], [datagram(9)]]);
    await soon('the original', () => attempts[0]!.sent[0]);
    mirror.end();
    relay.mute();
    attempts[0]!.events.onData(frame(datagram(5)));
    await send(datagram(2));
    await soon('the second', () => attempts[0]!.sent[1]);
    expect([copies.length, heard.length]).toEqual([1, 1]);
    hub.close();
  });
});
