import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ControlError } from '../../../cargo-image/src/control/errors.ts';
import { answerLine, listen, type Handlers, type Session } from '../../../cargo-image/src/control/server.ts';

const nobody: Session = { onEnd: () => undefined };

function handlers(changes: Partial<Handlers> = {}): Handlers {
  const none = async (): Promise<never> => { throw new Error('not part of this test'); };
  return {
    hello: async () => ({ version: '1', publicKey: 'K', configured: false }), configure: none, relay: none, status: none, forward: none, rest: none, unforward: async () => ({}), identity: none, files: none, counters: none, rules: none, check: none, tap: none, lifeline: async () => ({}), release: async () => ({}), ...changes,
  };
}

describe('one line', () => {
  test.each([
    ['no JSON', 'garbage', -1], ['nothing', '', -1], ['null', 'null', -1], ['an array', '[1,2]', -1], ['a number', '7', -1], ['id is text', '{"id":"1","method":"hello"}', -1],
    ['no method', '{"id":4}', 4], ['unknown method', '{"id":5,"method":"format"}', 5], ['inherited method', '{"id":6,"method":"constructor"}', 6], ['__proto__', '{"id":7,"method":"__proto__"}', 7],
    ['missing parameters', '{"id":8,"method":"unforward"}', 8], ['parameters of another kind', '{"id":9,"method":"unforward","params":[]}', 9], ['too much for hello', '{"id":10,"method":"hello","params":{"x":1}}', 10],
    ['a name that would be an option', '{"id":11,"method":"unforward","params":{"bridge":{"namespace":"-x","name":"y"}}}', 11],
    ['an agent that is no address', '{"id":12,"method":"identity","params":{"agent":"evil.example:80","bridge":{"namespace":"a","name":"b"}}}', 12],
  ])('%s is answered with a usage error', async (_, line, id) => {
    expect(await answerLine(handlers(), line, nobody)).toEqual({ id, error: { code: 'usage', message: expect.any(String) } });
  });

  test('errors keep their code; others are internal', async () => {
    const line = '{"id":1,"method":"unforward","params":{"bridge":{"namespace":"a","name":"b"}}}';
    expect(await answerLine(handlers({ unforward: async () => { throw new ControlError('unreachable', 'no way'); } }), line, nobody)).toEqual({ id: 1, error: { code: 'unreachable', message: 'no way' } });
    expect(await answerLine(handlers({ unforward: async () => { throw new TypeError('oops'); } }), line, nobody)).toEqual({ id: 1, error: { code: 'internal', message: 'oops' } });
  });

  test('a script cannot be smuggled into the firewall', async () => {
    const forward = (address: unknown) => JSON.stringify({ id: 1, method: 'forward', params: { bridge: { namespace: 'a', name: 'b' }, forwards: [{ hubPort: 20000, protocol: 'TCP', address, port: 80 }] } });
    for (const address of ['10.0.0.1 }; flush ruleset; #', '10.0.0.1\nflush ruleset', '10.0.0.256', '::1', 7, null]) {
      expect(await answerLine(handlers(), forward(address), nobody)).toMatchObject({ error: { code: 'usage' } });
    }
  });
});

describe('the socket', () => {
  let folder: string;
  let server: Server;
  let ended: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'control-'));
    ended = [];
  });
  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  async function open(changes: Partial<Handlers> = {}): Promise<Socket> {
    const path = join(folder, 'sub', 'control.sock');
    server = await listen(path, handlers({ lifeline: async ({ bridge }, session) => { session.onEnd(() => ended.push(bridge.name)); return {}; }, ...changes }), () => undefined);
    return connect({ path, allowHalfOpen: true });
  }
  async function all(socket: Socket): Promise<string> {
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  }

  test('lines that come in pieces, several in one piece, answers after the end of the asking side', async () => {
    const socket = await open({ unforward: async () => new Promise((resolve) => { setTimeout(() => resolve({}), 20); }) });
    socket.write('{"id":1,"met');
    socket.write('hod":"hello"}\n\n{"id":2,"method":"unforward","params":{"bridge":{"namespace":"a","name":"b"}}}\n{"id":3,"method":"hello"}');
    socket.end('\n');
    const lines = (await all(socket)).trim().split('\n').map((line) => JSON.parse(line) as { id: number });
    expect(lines.map(({ id }) => id)).toEqual([1, 3, 2]);
  });

  test('an endless line is refused and the connection closed', async () => {
    const socket = await open();
    socket.on('error', () => undefined);
    socket.write('x'.repeat(300_000));
    expect(JSON.parse(await all(socket))).toEqual({ id: -1, error: { code: 'usage', message: expect.stringContaining('longer') } });
  });

  test('a session ends with its connection, once', async () => {
    const socket = await open();
    socket.write('{"id":1,"method":"lifeline","params":{"bridge":{"namespace":"a","name":"b"}}}\n');
    await new Promise((resolve) => socket.once('data', resolve));
    expect(ended).toEqual([]);
    socket.end();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(ended).toEqual(['b']);
  });
});
