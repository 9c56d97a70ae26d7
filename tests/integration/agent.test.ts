/** The agent with real HAProxy, nftables and TPROXY, between a "pod" and a local container that are plain Docker containers. */
import { homedir } from 'node:os';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { Agent, get, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { connectDocker } from '../../cli/adapters/docker/index.ts';
import { ensureImage } from '../../cli/image/build.ts';
import { renderConfig } from '../../stowaway-image/src/agent/proxy/config.ts';
import { unusableValue } from '../../stowaway-image/src/agent/proxy/rule-acl.ts';
import { until } from '../support/wait.ts';
import { frontend, route } from '../unit/agent/fixtures.ts';
import { nastyRule, noise } from '../unit/agent/noise.ts';
import { AgentWorld, originalPorts } from './agent/agent-world.ts';
import { startLoad } from './agent/load.ts';

const limitMs = 60_000;
/** What no fault may reach; how short it really is, the bench tells. A machine at its limit alone takes a second. */
const longestGapMs = 4000;
let world: AgentWorld;

interface Answer { who: string; source: string; sourcePort: number; status: number; headers: IncomingHttpHeaders; ms: number }

async function ask(options: { agent?: Agent; headers?: Record<string, string>; path?: string; port?: number; localPort?: number } = {}): Promise<Answer> {
  const started = performance.now();
  return await new Promise((resolve, reject) => {
    const asking = get({ host: world.addresses['pod'], port: options.port ?? originalPorts.http, path: options.path ?? '/', headers: options.headers ?? {}, agent: options.agent ?? new Agent(), timeout: 8000, ...(options.localPort === undefined ? {} : { localPort: options.localPort }) }, (response) => {
      let body = '';
      response.on('data', (chunk) => { body += String(chunk); }).on('error', reject).on('end', () => {
        const [who = '', source = '', , sourcePort] = body.trim().split(' ');
        resolve({ who, source, sourcePort: Number(sourcePort), status: response.statusCode ?? 0, headers: response.headers, ms: performance.now() - started });
      });
    });
    asking.on('error', reject).on('timeout', () => asking.destroy(new Error('no answer within 8 s')));
  });
}

/** The first thing that comes, after saying `hello` (or nothing). */
async function talk(port: number, hello?: string): Promise<{ got: string; ms: number }> {
  const started = performance.now();
  return await new Promise((resolve, reject) => {
    const socket = connect(port, world.addresses['pod'] ?? '', () => { if (hello !== undefined) socket.write(hello); });
    socket.setTimeout(8000, () => socket.destroy(new Error('silence')));
    socket.on('error', reject).on('data', (data) => { socket.destroy(); resolve({ got: String(data), ms: performance.now() - started }); });
  });
}

/** Lets the server close first, so that the client's port is free again at once. */
async function askFrom(localPort: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    let got = '';
    const socket = connect({ host: world.addresses['pod'] ?? '', port: originalPorts.http, localPort }, () => socket.write('GET / HTTP/1.1\r\nhost: pod\r\nconnection: close\r\n\r\n'));
    socket.setTimeout(8000, () => socket.destroy(new Error('silence')));
    socket.on('error', reject).on('data', (data) => { got += String(data); }).on('close', () => resolve(got));
  });
}

const headerRule = [{ headers: [{ name: 'x-bridge', match: 'exact' as const, value: 'me' }] }];
const mine = { 'X-Bridge': 'me' };
const gatewayOf = (address: string): string => address.replace(/\d+$/, '1');

beforeAll(async () => {
  const host = { env: process.env, homeDir: homedir() };
  const { reference } = await ensureImage('stowaway', { docker: await connectDocker(host), host, waiting: () => undefined, signal: new AbortController().signal });
  world = await AgentWorld.create(reference);
}, 600_000);

afterAll(async () => { await world?.remove(); }, limitMs);

afterEach(async () => {
  await world.bridges();
  await until('the pod is left', async () => ((await world.tables()).length === 0 ? true : undefined), 20_000);
}, limitMs);

describe('a bridge without rules', () => {
  test('takes every connection of its port, byte for byte, and no other port', async () => {
    await world.bridges({ ports: [originalPorts.http, originalPorts.tcp, originalPorts.banner] });
    await world.untilServing();
    expect((await ask()).who).toBe('local');
    expect(await talk(originalPorts.tcp, 'hi')).toMatchObject({ got: 'local hi' });
    expect(await talk(originalPorts.banner)).toMatchObject({ got: '220 local\r\n' });
    expect((await ask()).headers).not.toHaveProperty('x-bridge-served-by');
    await expect(h2(originalPorts.h2c, {})).resolves.toBe('original');
  }, limitMs);

  test('kubelet probes reach the original', async () => {
    await world.bridges({ probes: [{ kind: 'http', port: originalPorts.http }] });
    await world.untilServing();
    expect((await ask({ headers: { 'user-agent': 'kube-probe/1.35' } })).who).toBe('original');
    expect((await ask({ headers: { 'user-agent': 'curl/8' } })).who).toBe('local');
  }, limitMs);

  test('a tcpSocket probe meets the original: the node\'s connections pass by', async () => {
    await world.bridges({ probes: [{ kind: 'tcp', port: originalPorts.http }] });
    await world.untilServing();
    expect((await ask()).who).toBe('original');
    // From elsewhere it is bridged as ever.
    expect(await world.inAgent(['node', '-e', `fetch('http://${world.addresses['pod']}:${originalPorts.http}/').then((r)=>r.text()).then(console.log)`])).toMatch(/^local/);
  }, limitMs);

  test('when nothing listens behind it, requests go to the original without waiting', async () => {
    await world.bridges({ ports: [originalPorts.http], name: 'nothing' });
    await world.untilServing('nothing');
    await world.killLocal();
    try {
      const load = startLoad({ host: world.addresses['pod'] ?? '', port: originalPorts.http, newPerSecond: 50, keepAlive: { connections: 1, perSecond: 0 } });
      await sleep(2000);
      await load.stop();
      expect(load.fresh.failed).toEqual([]);
      expect(load.fresh.answers).toEqual({ original: load.fresh.sent });
      await until('it is reported', async () => ((await world.entry('nothing'))?.serving === false ? true : undefined), 5000);
      expect((await ask()).ms).toBeLessThan(250);
    } finally {
      await world.startLocal();
    }
  }, limitMs);

  test('its own listener is closed to whoever knocks there', async () => {
    await world.bridges({});
    await world.untilServing();
    await expect(talk(17_000, 'x')).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
  }, limitMs);
});

describe('what a pod does cannot keep the agent from its work', () => {
  /** For some seconds. */
  const hold = async (connect = ''): Promise<void> => world.inPod(['perl', '-MSocket', '-e', `socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(17000, INADDR_ANY)) or die; ${connect} fork and exit; close STDOUT; close STDERR; sleep 8`]);

  test('the port of the listener is taken by something that no table shows: another one is chosen', async () => {
    await hold();
    await world.bridges({});
    await world.untilServing();
    expect((await ask()).who).toBe('local');
    expect((await world.entry())?.message).toBeUndefined();
    expect(await world.log()).toContain('cannot bind socket');
  }, limitMs);

  test('the port of the listener is taken by a connection', async () => {
    await sleep(8000);
    await hold(`connect(S, sockaddr_in(20003, inet_aton('${world.addresses['local']}'))) or die;`);
    const before = await world.log();
    await world.bridges({});
    await world.untilServing();
    expect((await ask()).who).toBe('local');
    expect((await world.log()).slice(before.length)).not.toContain('cannot bind socket');
  }, limitMs);

  test('a name that an attempt to enter it has left behind', async () => {
    await world.inAgent(['sh', '-c', `mkdir -p /run/netns; ip netns attach ${world.netns} $$`]);
    await world.bridges({});
    await world.untilServing();
    expect((await ask()).who).toBe('local');
  }, limitMs);

  test.each([
    ['all rules are flushed', ['nft', 'flush', 'ruleset']], ['the policy rule is deleted', ['ip', 'rule', 'delete', 'priority', '28849']],
    ['the table of the way back is deleted', ['sh', '-c', 'nft delete table ip "$(nft list tables ip | grep -o \'podbridge_.*_ret\')"']],
  ])('%s by somebody: put back', async (_, command) => {
    await world.bridges({ rules: headerRule });
    await world.untilServing();
    const before = (await world.log()).length;
    expect(await world.inAgent(['nsenter', `--net=/run/netns/${world.netns}`, ...command])).toBe('');
    await until('it is put back', async () => ((await world.log()).slice(before).includes('put back') ? true : undefined), 20_000);
    expect(await ask({ headers: mine })).toMatchObject({ who: 'local' });
    expect(await ask()).toMatchObject({ who: 'original', headers: { 'x-bridge-served-by': 'original' } });
  }, limitMs);
});

/** Its end in an error ends all of its streams, and each of them tells. */
function h2Session(port: number): ClientHttp2Session {
  return connectHttp2(`http://${world.addresses['pod']}:${port}`).on('error', () => undefined);
}

async function h2(port: number, headers: Record<string, string>, session?: ClientHttp2Session): Promise<string> {
  const own = session ?? h2Session(port);
  try {
    return await new Promise((resolve, reject) => {
      let body = '';
      const stream = own.request({ ':path': '/', ...headers });
      stream.on('data', (chunk) => { body += String(chunk); }).on('error', reject).on('end', () => resolve(body.split(' ')[0] ?? ''));
      stream.end();
    });
  } finally {
    if (session === undefined) own.close();
  }
}

describe('rules', () => {
  test('each request of one keep-alive connection goes where it belongs', async () => {
    await world.bridges({ rules: headerRule });
    await world.untilServing();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const wrong: number[] = [];
    for (let i = 0; i < 1000; i++) {
      const { who, headers } = await ask({ agent, headers: i % 2 === 0 ? mine : {} });
      if (who !== (i % 2 === 0 ? 'local' : 'original') || headers['x-bridge-served-by'] !== (i % 2 === 0 ? 'shop/bridge' : 'original')) wrong.push(i);
    }
    agent.destroy();
    expect(wrong).toEqual([]);
  }, limitMs);

  test('the same for streams of one HTTP/2 session', async () => {
    await world.bridges({ ports: [originalPorts.h2c], rules: headerRule });
    await world.untilServing();
    const session = h2Session(originalPorts.h2c);
    const answers = await Promise.all(Array.from({ length: 100 }, async (_, i) => await h2(originalPorts.h2c, i % 2 === 0 ? { 'x-bridge': 'me' } : {}, session)));
    session.close();
    expect(answers).toEqual(answers.map((_, i) => (i % 2 === 0 ? 'local' : 'original')));
  }, limitMs);

  test('the original sees the client\'s own address', async () => {
    await world.bridges({ rules: headerRule });
    await world.untilServing();
    expect((await ask()).source).toBe(gatewayOf(world.addresses['pod'] ?? ''));
  }, limitMs);

  test('a client that happens to use a port from which HAProxy came in its name gets its answer, with the rule and without it', async () => {
    await world.bridges({ rules: headerRule }, { name: 'other', ports: [originalPorts.h2c] });
    await world.untilServing();
    const { sourcePort } = await ask();
    expect(sourcePort).toBeGreaterThan(0);
    expect((await ask({ localPort: sourcePort })).who).toBe('original');
    // A client that uses one of its ports again, while the connection made for its predecessor is not forgotten.
    for (let i = 0; i < 3; i++) expect(await askFrom(40_001)).toMatch(/^original /m);
    const again = (await ask()).sourcePort;
    // The other bridge keeps the agent in the pod.
    await world.bridges({ name: 'other', ports: [originalPorts.h2c] });
    await until('the rule is gone', async () => ((await ask()).headers['x-bridge-served-by'] === undefined ? true : undefined), 5000);
    expect((await ask({ localPort: again })).who).toBe('original');
  }, limitMs);

  test('mark, path, prefix, regex and method; the name of a header without case', async () => {
    const takes = async (rules: typeof headerRule | object[], wish: Parameters<typeof ask>[0]): Promise<string> => {
      // Under a name of its own: the status of the one before says nothing of this one.
      const name = `rule-${Math.floor(Math.random() * 0xffff)}`;
      await world.bridges({ name, rules });
      await world.untilServing(name);
      return (await ask(wish)).who;
    };
    expect(await takes([{ mark: 'ann' }], { headers: { baggage: 'x=1, bridge=ann;p=2' } })).toBe('local');
    expect(await takes([{ mark: 'ann' }], { headers: { baggage: 'bridge=anna' } })).toBe('original');
    expect(await takes([{ headers: [{ name: 'X-USER', match: 'regex', value: '^(ann|bob)$' }] }], { headers: { 'x-user': 'bob' } })).toBe('local');
    expect(await takes([{ headers: [{ name: 'X-USER', match: 'exact', value: 'a, b' }] }], { headers: { 'x-user': 'a, b' } })).toBe('local');
    expect(await takes([{ path: { match: 'prefix', value: '/api/' }, methods: ['GET'] }], { path: '/api/x?y' })).toBe('local');
    expect(await takes([{ path: { match: 'prefix', value: '/api/' }, methods: ['POST'] }], { path: '/api/x?y' })).toBe('original');
  }, limitMs);

  test('probes reach the original, and what is not HTTP too', async () => {
    await world.bridges({ ports: [originalPorts.http, originalPorts.tcp], rules: [{ path: { match: 'prefix', value: '/' } }] });
    await world.untilServing();
    expect((await ask()).who).toBe('local');
    expect((await ask({ headers: { 'user-agent': 'kube-probe/1.35' } })).who).toBe('original');
    const binary = await talk(originalPorts.tcp, '\u0016\u0003\u0001 not http');
    expect(binary.got).toMatch(/^original/);
    expect(binary.ms).toBeLessThan(1000);
  }, limitMs);

  test('two bridges on one port, the rest to a third', async () => {
    await world.bridges({ name: 'ann', rules: [{ mark: 'ann' }] }, { name: 'bob', ports: [originalPorts.tcp], rules: [{ mark: 'bob' }] }, { name: 'all', ports: [originalPorts.h2c] });
    for (const name of ['ann', 'bob', 'all']) await world.untilServing(name);
    expect([(await ask({ headers: { baggage: 'bridge=ann' } })).who, (await ask()).who, await h2(originalPorts.h2c, {})]).toEqual(['local', 'original', 'local']);
  }, limitMs);

  test('where the server speaks first they cannot apply: said so, and nobody waits', async () => {
    await world.bridges({ ports: [originalPorts.banner], rules: headerRule });
    await until('it is said', async () => ((await world.entry())?.message?.includes('speaks first') === true ? true : undefined), 10_000);
    expect(await talk(originalPorts.banner)).toMatchObject({ got: '220 original\r\n' });
  }, limitMs);

  test('a regular expression that is none is refused, and takes nothing else down', async () => {
    await world.bridges({ name: 'good', rules: [{ mark: 'ann' }] }, { name: 'bad', rules: [{ path: { match: 'regex', value: '(' } }] });
    await world.untilServing('good');
    await until('the bad one is told', async () => (await world.entry('bad'))?.message, 5000);
    expect(await world.entry('bad')).toMatchObject({ ready: false, message: expect.stringContaining('HAProxy does not accept it') });
    expect((await ask({ headers: { baggage: 'bridge=ann' } })).who).toBe('local');
  }, limitMs);

  test('HAProxy accepts what we make of noise', async () => {
    const random = noise(7);
    const rules = Array.from({ length: 400 }, () => nastyRule(random)).filter((rule) => unusableValue([rule]) === undefined)
      // Whether a regular expression compiles is another matter.
      .map((rule) => ({ ...rule, headers: (rule.headers ?? []).map((header) => ({ ...header, match: 'exact' as const })) }));
    const config = renderConfig({ frontends: [frontend([route('all', { rules })], { netns: 'noise' })] }, { socket: '/tmp/x.sock', stateFile: '/dev/null', threads: 1 });
    await world.inAgent(['ip', 'netns', 'add', 'noise']);
    await world.inAgent(['sh', '-c', 'cat > /tmp/noise.cfg'], config);
    expect(await world.inAgent(['sh', '-c', 'haproxy -c -f /tmp/noise.cfg 2>&1 && echo accepted'])).toMatch(/accepted$/);
    await world.inAgent(['ip', 'netns', 'del', 'noise']);
    expect(rules.length).toBeGreaterThan(40);
  }, limitMs);
});

describe('nothing is lost', () => {
  /**
   * Without rules a kept connection is ended by closing it in a pause, and no pause is so sure that a client which was kept from
   * looking (this machine may be starved) has not written just then: it sees a reset of a connection it used again, which HTTP
   * clients answer by asking again (RFC 9112, 9.3.1).
   */
  const isRare = (kept: { failed: string[] }, most: number): void => {
    expect(kept.failed.filter((words) => !words.includes('ECONNRESET'))).toEqual([]);
    expect(kept.failed.length).toBeLessThanOrEqual(most);
  };
  /** Of the one connection that it keeps. */
  const endOf = (agent: Agent): Promise<string> => {
    const [socket] = Object.values(agent.freeSockets).flat();
    return new Promise((resolve) => socket?.once('close', () => resolve('ended')));
  };
  const load = (headers: Record<string, string> = {}): ReturnType<typeof startLoad> => startLoad({ host: world.addresses['pod'] ?? '', port: originalPorts.http, newPerSecond: 200, keepAlive: { connections: 20, perSecond: 100 }, headers });

  test.each([['without rules', undefined], ['with a rule', headerRule]])('ten starts and stops %s at 200 new requests per second', async (_, rules) => {
    const running = load(mine);
    const wish = rules === undefined ? {} : { rules };
    for (let cycle = 0; cycle < 10; cycle++) {
      await world.bridges(wish);
      await sleep(1500);
      await world.bridges({ ...wish, draining: true });
      await until('drained', async () => ((await world.entry()) === undefined ? true : undefined), 15_000);
      await world.bridges();
      await sleep(500);
    }
    await running.stop();
    expect(running.fresh.failed).toEqual([]);
    // Two hundred connections are ended in all.
    isRare(running.kept, rules === undefined ? 20 : 0);
    expect(running.fresh.answers['local']).toBeGreaterThan(1000);
    expect(running.fresh.answers['original']).toBeGreaterThan(1000);
  }, 240_000);

  test('a bridge that comes again after its listener was dropped has one that is all its own', async () => {
    // A connection that stays open keeps the replaced HAProxy, and with it the old listener.
    const staying = connect(originalPorts.http, world.addresses['pod'] ?? '');
    staying.on('error', () => undefined);
    // The other bridge keeps the agent in the pod, and makes HAProxy go on without the first one's port.
    const other = { name: 'other', ports: [originalPorts.h2c] };
    await world.bridges({ rules: headerRule }, other);
    await world.untilServing();
    const bridged = connect(originalPorts.http, world.addresses['pod'] ?? '');
    bridged.on('error', () => undefined);
    await ask();
    await world.bridges(other);
    await sleep(6000);
    await world.bridges({ rules: headerRule }, other);
    await world.untilServing();
    const running = load(mine);
    await sleep(2000);
    await running.stop();
    for (const socket of [staying, bridged]) socket.destroy();
    expect({ fresh: running.fresh.failed, kept: running.kept.failed }).toEqual({ fresh: [], kept: [] });
    expect(running.fresh.answers['original'] ?? 0).toBe(0);
  }, limitMs);

  test('a connection from before the bridge is moved when it is quiet, and not with a rule', async () => {
    const before = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await ask({ agent: before })).who).toBe('original');
    await world.bridges({ rules: headerRule });
    await world.untilServing();
    const ended = endOf(before);
    expect(await Promise.race([ended, sleep(5000, 'left alone')])).toBe('left alone');
    expect((await ask({ agent: before, headers: mine })).who).toBe('original');
    await world.bridges({});
    expect(await Promise.race([ended, sleep(8000, 'left alone')])).toBe('ended');
    expect((await ask({ agent: before })).who).toBe('local');
    before.destroy();
  }, limitMs);

  test('a connection that the original got while the container was away goes back when it is quiet', async () => {
    await world.bridges({});
    await world.untilServing();
    await world.killLocal();
    await until('the original answers', async () => ((await ask().catch(() => undefined))?.who === 'original' ? true : undefined), 10_000);
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await ask({ agent: kept })).who).toBe('original');
    const ended = endOf(kept);
    expect(await Promise.race([ended, sleep(4000, 'left alone')])).toBe('left alone');
    await world.startLocal();
    expect(await Promise.race([ended, sleep(15_000, 'left alone')])).toBe('ended');
    expect((await ask({ agent: kept })).who).toBe('local');
    kept.destroy();
  }, limitMs);

  test('keep-alive connections that were bridged move to the original at the end', async () => {
    await world.bridges({});
    await world.untilServing();
    const running = load();
    await sleep(1500);
    await world.bridges({ draining: true });
    await until('drained', async () => ((await world.entry()) === undefined ? true : undefined), 15_000);
    const { local = 0 } = running.kept.answers;
    await sleep(1000);
    await running.stop();
    expect(local).toBeGreaterThan(50);
    // Those that were under way when the last connection had gone.
    expect((running.kept.answers['local'] ?? 0) - local).toBeLessThan(5);
    expect(running.fresh.failed).toEqual([]);
  }, limitMs);

  test('a client that keeps a silent connection open keeps nothing of ours in the pod', async () => {
    await world.bridges({ rules: headerRule });
    await world.untilServing();
    const silent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await ask({ agent: silent, headers: mine })).who).toBe('local');
    await world.bridges();
    await until('the pod is left', async () => ((await world.tables()).length === 0 ? true : undefined), 40_000);
    // The connection was ended as one between two requests, so the next one has a new one.
    expect((await ask({ agent: silent, headers: mine })).who).toBe('original');
    silent.destroy();
  }, limitMs);

  test.each([['without rules', {}], ['with a rule', { rules: headerRule }]])('a pod that ends, %s: every client is told while it still can be, also one that asks nothing', async (_, wish) => {
    await world.bridges(wish);
    await world.untilServing();
    const running = load(mine);
    const silent = new Agent({ keepAlive: true, maxSockets: 1 });
    const answered = await ask({ agent: silent, headers: mine });
    await sleep(10);
    const [socket] = Object.values(silent.freeSockets).flat();
    const told = new Promise((resolve) => socket?.once('close', () => resolve('told')));
    await sleep(1500);
    await world.leaving(wish);
    expect(await Promise.race([told, sleep(8000, 'left alone')])).toBe('told');
    await sleep(500);
    const { local = 0 } = running.kept.answers;
    await sleep(1000);
    await running.stop();
    silent.destroy();
    expect(answered.who).toBe('local');
    expect(running.fresh.failed).toEqual([]);
    isRare(running.kept, 'rules' in wish ? 0 : 5);
    // Those that never pause for longer than the kernel's clock can tell go on; with a rule each is told with its next answer.
    if ('rules' in wish) expect((running.kept.answers['local'] ?? 0) - local).toBeLessThan(30);
  }, limitMs);

  test('the container dies', async () => {
    await world.bridges({});
    await world.untilServing();
    const running = load();
    await sleep(1000);
    await world.killLocal();
    await sleep(2500);
    await world.startLocal();
    await until('it is back', async () => ((await ask()).who === 'local' ? true : undefined), 10_000);
    await running.stop();
    // What was under way in the dead container cannot be repeated byte for byte; all that came later was answered.
    expect(running.fresh.failed.length).toBeLessThanOrEqual(running.fresh.sent / 20);
    expect(running.fresh.longestGapMs).toBeLessThan(longestGapMs);
  }, limitMs);

  test('the agent dies: the original answers at once, by itself; the next one tidies up', async () => {
    await world.bridges({});
    await world.untilServing();
    const running = load();
    await sleep(1000);
    await world.killAgent();
    await sleep(1500);
    await running.stop();
    const left = await world.tables();
    await world.startAgent();
    expect((await ask()).who).toBe('original');
    expect(left.length).toBeGreaterThan(0);
    // What was under way in the dead HAProxy is cut; all that came later was answered.
    await until('leftovers are gone', async () => ((await world.tables()).length === 0 ? true : undefined), 10_000);
    expect(running.fresh.failed.length).toBeLessThanOrEqual(running.fresh.sent / 20);
    expect(running.fresh.longestGapMs).toBeLessThan(longestGapMs);
  }, limitMs);

  test('an agent died in between: what it left is found by each of its parts alone, and nobody else\'s is touched', async () => {
    const [dead, route, foreign] = [0x70b1_30c9, 0x70b1_30ca, 0x70b2_0001];
    await world.bridges({ rules: headerRule });
    await world.untilServing();
    await world.killAgent();
    const before = await world.returnRoutes();
    await world.inPodNetwork(['sh', '-c', [
      ...[dead, foreign].map((mark) => `ip rule add fwmark ${mark} lookup ${mark} priority 28849`),
      ...[dead, route, foreign].map((table) => `ip route add local default dev lo table ${table}`),
    ].join(' && ')]);
    await world.startAgent();
    // The dead one's rule and its route, with those that were planted.
    expect(before).toHaveLength(2);
    await until('only what is not ours is left', async () => {
      const [tables, left] = await Promise.all([world.tables(), world.returnRoutes()]);
      return tables.length === 0 && left.length === 2 && left.every((line) => line.includes(String(foreign))) ? true : undefined;
    }, 10_000).catch(async () => { expect(await world.returnRoutes()).toEqual([]); });
    await world.inPodNetwork(['sh', '-c', `ip rule delete priority 28849; ip route flush table ${foreign}`]);
    expect(await world.returnRoutes()).toEqual([]);
  }, limitMs);

  test.each([['without rules', {}], ['with a rule', { rules: headerRule }]])('the agent is told to stop, %s', async (_, wish) => {
    await world.bridges(wish);
    await world.untilServing();
    const running = load(mine);
    await sleep(1000);
    await world.stopAgent();
    await sleep(500);
    await running.stop();
    expect(await world.tables()).toEqual([]);
    await world.startAgent();
    expect(running.fresh.failed).toEqual([]);
    isRare(running.kept, 'rules' in wish ? 0 : 5);
    expect(running.kept.answers['local']).toBeGreaterThan(50);
  }, limitMs);

  test('HAProxy dies: it is started again, and the original stands in', async () => {
    await world.bridges({});
    await world.untilServing();
    const running = load();
    await sleep(500);
    await world.killHaproxy();
    await until('it is back', async () => ((await ask().catch(() => undefined))?.who === 'local' ? true : undefined), 10_000);
    await running.stop();
    // Who asks in the moment of its death is cut off: what comes in a tenth of a second.
    expect(running.fresh.failed.length).toBeLessThanOrEqual(20);
    expect(running.fresh.longestGapMs).toBeLessThan(longestGapMs);
  }, limitMs);

  test('HAProxy hangs: it is killed, the original answers, and the bridge serves again', async () => {
    await world.bridges({});
    await world.untilServing();
    const running = load();
    await until('the bridge answers', async () => ((running.fresh.answers['local'] ?? 0) > 0 ? true : undefined), 10_000);
    const { original: before = 0 } = running.fresh.answers;
    await world.killHaproxy('STOP');
    await until('the original answers', async () => ((running.fresh.answers['original'] ?? 0) > before ? true : undefined), 20_000);
    const { local = 0 } = running.fresh.answers;
    await until('the bridge serves again', async () => ((running.fresh.answers['local'] ?? 0) > local + 50 ? true : undefined), 20_000);
    await running.stop();
    // What came while it hung was cut off at its end, and did not wait for somebody to come.
    expect([...running.fresh.failed, ...running.kept.failed].filter((words) => words.includes('TIMEOUT'))).toEqual([]);
    expect((await world.log()).split('\n').filter((line) => line.includes('haproxy hangs'))).toHaveLength(1);
    await world.untilServing();
    expect((await world.entry())?.note).toContain('hung and was killed');
  }, limitMs);
});
