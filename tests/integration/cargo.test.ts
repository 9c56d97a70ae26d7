/** The cargo image between real containers: a fake hub on one side, app containers on the other. */
import { homedir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectDocker, type Docker } from '../../cli/adapters/docker/index.ts';
import { ensureImage } from '../../cli/image/build.ts';
import { labels } from '../../protocol/names.ts';
import { seal } from '../../protocol/seal.ts';
import { clientAddress, createWorld, dnsAddress, hubAddress, type World } from '../support/fake-hub/world.ts';
import { until } from '../support/wait.ts';

const limitMs = 120_000;
const api = { namespace: 'shop', name: 'api' };
const web = { namespace: 'shop', name: 'web' };
/** Says who asks; keeps connections open. */
const program = (name: string): string => `require('http').createServer((q,r)=>r.end('${name} saw '+q.socket.remoteAddress)).listen(8080,'0.0.0.0');require('net').createServer((s)=>s.on('error',()=>{}).pipe(s)).listen(9000,'0.0.0.0')`;

let docker: Docker;
let world: World;
let apps: { api: string; web: string };
let addresses: { api: string; web: string };

beforeAll(async () => {
  docker = await connectDocker({ env: process.env, homeDir: homedir() });
  const { reference } = await ensureImage('cargo', { docker, host: { env: process.env, homeDir: homedir() }, waiting: () => undefined, signal: new AbortController().signal });
  world = await createWorld(docker, reference);
  addresses = { api: world.network.subnet.cidr.replace(/0\/24$/, '20'), web: world.network.subnet.cidr.replace(/0\/24$/, '21') };
  apps = { api: await world.app('api', addresses.api, program('api'), ['public.example', 'slow.public.example']), web: await world.app('web', addresses.web, program('web')) };
}, 600_000);

afterAll(async () => {
  await world?.removeAll();
  if (world !== undefined) {
    expect(await docker.containers.list({ [labels.link]: world.link })).toEqual([]);
    expect(await docker.networks.list({ [labels.link]: world.link })).toEqual([]);
  }
}, limitMs);

/** One connection from the hub's side: what it got, or the error's code, and how long that took. */
function connectFromHub(port: number): Promise<{ got?: string; error?: string; afterMs: number }> {
  return world.evaluate(world.hub, `const t=Date.now();const code=(e)=>({error:(e.cause??e).code,afterMs:Date.now()-t});
    return fetch('http://${clientAddress}:${port}/',{signal:AbortSignal.timeout(8000)}).then((r)=>r.text()).then((got)=>({got,afterMs:Date.now()-t}),code)`);
}

async function untilEcho(withinMs: number): Promise<void> {
  await until('a heartbeat echo', async () => {
    const { echoAgeMs } = await world.ask('status', {});
    return echoAgeMs !== null && echoAgeMs < 1500 ? true : undefined;
  }, withinMs);
}

describe('before there is a link', () => {
  test('cargo has made its key and says so, and what needs a link says that there is none', async () => {
    const hello = await world.ask('hello', {});
    expect(hello).toEqual({ version: expect.any(String), publicKey: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/), configured: false });
    await expect(world.ask('status', {})).rejects.toMatchObject({ facts: { code: 'cargo-usage' } });
    await expect(world.ask('forward', { bridge: api, forwards: [{ hubPort: 20000, protocol: 'TCP', address: addresses.api, port: 8080 }] })).rejects.toMatchObject({ facts: { code: 'cargo-usage' } });
  }, limitMs);

  test('garbage on the control socket is answered and does no harm', async () => {
    const garbage = ['garbage', '{}', '[]', 'null', '{"id":1}', '{"id":2,"method":"configure","params":{"address":"; reboot"}}', '\u0000\u0001\ufffd', `{"id":3,"method":"${'x'.repeat(5000)}"}`].join('\n');
    const { stdout, exitCode } = await docker.containers.exec(world.cargo.id, ['socat', '-t', '5', 'STDIO', 'UNIX-CONNECT:/run/podbridge/control.sock'], { stdin: `${garbage}\n` });
    expect(exitCode).toBe(0);
    const answers = stdout.trim().split('\n').map((line) => JSON.parse(line) as { id: number; error: { code: string } });
    expect(answers.map(({ error }) => error.code)).toEqual(Array.from({ length: 8 }, () => 'usage'));
    const long = await docker.containers.exec(world.cargo.id, ['socat', '-t', '5', 'STDIO', 'UNIX-CONNECT:/run/podbridge/control.sock'], { stdin: 'y'.repeat(1_000_000) });
    expect(long.stdout).toContain('usage');
    expect((await world.ask('hello', {})).configured).toBe(false);
    expect((await docker.containers.find(world.cargo.id))?.running).toBe(true);
  }, limitMs);
});

describe('the link', () => {
  test('comes up: handshake, heartbeat, echo', async () => {
    expect(await world.ask('configure', world.config)).toEqual({ implementation: expect.stringMatching(/^(kernel|wireguard-go)$/) });
    await untilEcho(5000);
    const status = await world.ask('status', {});
    expect(status).toMatchObject({ transport: 'docker', mtu: 1420, forwards: [], handshakeAgeMs: expect.any(Number), endpoint: `${world.config.hub.endpoints[0]?.host}:51820` });
    expect((await world.heartbeats())[0]).toMatchObject({ v: 1, transport: 'docker', ended: [], from: clientAddress });
  }, limitMs);

  test('the same configuration again changes nothing', async () => {
    const before = await world.ask('status', {});
    await world.ask('configure', world.config);
    expect((await world.ask('status', {})).rttMs.length).toBeGreaterThanOrEqual(before.rttMs.length);
  }, limitMs);

  test('a container reaches the cluster as the client, by name', async () => {
    expect(await world.evaluate(apps.api, `return (await fetch('http://web.shop.svc.cluster.local/')).text()`)).toBe(`cluster saw ${clientAddress}`);
  }, limitMs);

  test('names that the cluster cannot resolve are the host\'s, fast even when the cluster is slow to say so', async () => {
    const lookup = (name: string): Promise<{ address?: string; error?: string; afterMs: number }> => world.evaluate(world.cargo.id,
      `const {Resolver}=require('dns').promises;const r=new Resolver();r.setServers(['${world.network.subnet.cargo}']);const t=Date.now();
       return r.resolve4('${name}').then(([address])=>({address,afterMs:Date.now()-t}),(e)=>({error:e.code,afterMs:Date.now()-t}))`);
    expect(await lookup('public.example')).toMatchObject({ address: addresses.api });
    const slow = await lookup('slow.public.example');
    expect(slow).toMatchObject({ address: addresses.api });
    expect(slow.afterMs).toBeLessThan(1500);
    expect(await lookup('x.svc.cluster.local')).toMatchObject({ address: dnsAddress });
  }, limitMs);

  test('DNS over TCP', async () => {
    expect(await world.evaluate(apps.web, `const q=Buffer.from('000701000001000000000000'+'03737663'+'07636c7573746572'+'056c6f63616c'+'00'+'00010001','hex');
      const s=require('net').connect(53,'${world.network.subnet.cargo}');s.write(Buffer.concat([Buffer.from([0,q.length]),q]));
      return new Promise((r)=>s.once('data',(d)=>r([d.readUInt16BE(2),d[5]&15])))`)).toEqual([7, expect.any(Number)]);
  }, limitMs);
});

describe('forwards', () => {
  const forwards = (app: 'api' | 'web', hubPort: number) => [{ hubPort, protocol: 'TCP' as const, address: addresses[app], port: 8080 }];

  test('none: refused at once', async () => {
    const { error, afterMs } = await connectFromHub(20000);
    expect(error).toBe('ECONNREFUSED');
    expect(afterMs).toBeLessThan(1000);
  }, limitMs);

  test('cargo\'s own ports are closed to the cluster', async () => {
    const port53 = await world.evaluate(world.hub, `return new Promise((r)=>require('net').connect(53,'${clientAddress}').on('connect',()=>r('open')).on('error',(e)=>r(e.code)))`);
    expect(port53).toBe('ECONNREFUSED');
  }, limitMs);

  test('each hub port leads to its container, which sees the agent\'s address', async () => {
    await world.ask('forward', { bridge: api, forwards: forwards('api', 20000) });
    await world.ask('forward', { bridge: web, forwards: forwards('web', 20001) });
    expect((await connectFromHub(20000)).got).toBe(`api saw ${hubAddress}`);
    expect((await connectFromHub(20001)).got).toBe(`web saw ${hubAddress}`);
    expect((await world.ask('status', {})).forwards).toHaveLength(2);
  }, limitMs);

  test('a hub port belongs to one bridge', async () => {
    await expect(world.ask('forward', { bridge: web, forwards: forwards('web', 20000) })).rejects.toMatchObject({ facts: { code: 'cargo-refused' } });
    expect((await connectFromHub(20000)).got).toBe(`api saw ${hubAddress}`);
    expect((await connectFromHub(20001)).got).toBe(`web saw ${hubAddress}`);
  }, limitMs);

  test('at rest: new connections are refused, open ones go on, until the connection that wanted it ends', async () => {
    await world.ask('forward', { bridge: api, forwards: [...forwards('api', 20000), { hubPort: 20002, protocol: 'TCP', address: addresses.api, port: 9000 }] });
    const talk = world.evaluate<string>(world.hub, `const net=require('net');let heard=0;const s=net.connect(20002,'${clientAddress}');
      return new Promise((resolve)=>{s.on('data',()=>heard++);s.on('error',(e)=>resolve(e.code));s.on('connect',()=>require('fs').writeFileSync('/run/resting',''));
      const timer=setInterval(()=>s.write('x'),50);setTimeout(()=>{clearInterval(timer);s.destroy();resolve(heard>20?'open':'silent')},4000)})`);
    await until('the talk to begin', async () => ((await docker.containers.exec(world.hub, ['test', '-e', '/run/resting'])).exitCode === 0 ? true : undefined), 10_000);
    const session = await docker.containers.execStream(world.cargo.id, ['socat', 'STDIO', 'UNIX-CONNECT:/run/podbridge/control.sock']);
    session.stdin.write(`${JSON.stringify({ id: 1, method: 'rest', params: { bridge: api } })}\n`);
    await new Promise((resolve) => session.stdout.once('data', resolve));
    expect((await connectFromHub(20000)).error).toBe('ECONNREFUSED');
    expect(await talk).toBe('open');
    session.close();
    await until('it to lead again', async () => (await connectFromHub(20000)).got, 10_000);
  }, limitMs);

  test('taken away: new connections are refused, open ones reset, the other bridge goes on', async () => {
    await world.ask('forward', { bridge: api, forwards: [...forwards('api', 20000), { hubPort: 20002, protocol: 'TCP', address: addresses.api, port: 9000 }] });
    await world.ask('forward', { bridge: web, forwards: [...forwards('web', 20001), { hubPort: 20003, protocol: 'TCP', address: addresses.web, port: 9000 }] });
    const talk = world.evaluate<{ api: string; web: string }>(world.hub, `const net=require('net');const open=(port)=>new Promise((resolve)=>{const s=net.connect(port,'${clientAddress}');let heard=0;
        s.on('data',()=>heard++);s.on('error',(e)=>resolve(e.code));const timer=setInterval(()=>s.write('x'),50);setTimeout(()=>{clearInterval(timer);s.destroy();resolve(heard>20?'open':'silent')},4000)});
      require('fs').writeFileSync('/run/talking','');const [api,web]=await Promise.all([open(20002),open(20003)]);return {api,web}`);
    await until('the talk to begin', async () => ((await docker.containers.exec(world.hub, ['test', '-e', '/run/talking'])).exitCode === 0 ? true : undefined), 10_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await world.ask('unforward', { bridge: api });
    expect(await talk).toEqual({ api: 'ECONNRESET', web: 'open' });
    expect((await connectFromHub(20000)).error).toBe('ECONNREFUSED');
    expect((await connectFromHub(20001)).got).toBe(`web saw ${hubAddress}`);
  }, limitMs);

  test('a container that is gone fails fast, and is back when it is', async () => {
    expect((await connectFromHub(20001)).got).toBeDefined();
    await docker.containers.kill(apps.web);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { error, afterMs } = await connectFromHub(20001);
    expect(error).toMatch(/EHOSTUNREACH|ECONNREFUSED/);
    expect(afterMs).toBeLessThan(2500);
    await docker.containers.start(apps.web);
    await until('the container behind its forward again', async () => (await connectFromHub(20001)).got, 10_000);
  }, limitMs);
});

describe('sessions', () => {
  test('a lifeline that breaks takes its forwards along, and the hub is told until it knows', async () => {
    const session = await docker.containers.execStream(world.cargo.id, ['socat', 'STDIO', 'UNIX-CONNECT:/run/podbridge/control.sock']);
    session.stdin.write(`${JSON.stringify({ id: 1, method: 'lifeline', params: { bridge: api } })}\n${JSON.stringify({ id: 2, method: 'forward', params: { bridge: api, forwards: [{ hubPort: 20000, protocol: 'TCP', address: addresses.api, port: 8080 }] } })}\n`);
    await until('the forward', async () => ((await world.ask('status', {})).forwards.some(({ bridge }) => bridge.name === 'api') ? true : undefined), 10_000);
    expect((await connectFromHub(20000)).got).toBe(`api saw ${hubAddress}`);
    // As when the CLI is killed: the connection to Docker breaks.
    session.close();
    await until('the hub to hear of it twice', async () => ((await world.heartbeats()).filter(({ ended }) => ended.some(({ name }) => name === 'api')).length >= 2 ? true : undefined), 10_000);
    // What is open may finish.
    expect((await connectFromHub(20000)).got).toBe(`api saw ${hubAddress}`);
    await docker.containers.exec(world.hub, ['touch', '/run/forget']);
    await until('it to be forgotten', async () => ((await world.heartbeats()).at(-1)?.ended.length === 0 ? true : undefined), 10_000);
    await until('the end of the forward', async () => ((await connectFromHub(20000)).error === 'ECONNREFUSED' ? true : undefined), 20_000);
  }, limitMs);

  test('a released one ends nothing', async () => {
    const session = await docker.containers.execStream(world.cargo.id, ['socat', 'STDIO', 'UNIX-CONNECT:/run/podbridge/control.sock']);
    session.stdin.write(['lifeline', 'release'].map((method, id) => `${JSON.stringify({ id, method, params: { bridge: web } })}\n`).join(''));
    await new Promise((resolve) => session.stdout.once('data', resolve));
    session.stdin.end();
    await session.ended;
    expect((await connectFromHub(20001)).got).toBe(`web saw ${hubAddress}`);
  }, limitMs);
});

describe('identity', () => {
  const put = (content: string): Promise<unknown> => docker.containers.exec(world.hub, ['sh', '-c', 'cat > /run/sealed'], { stdin: content });
  const ask = () => world.ask('identity', { agent: `${hubAddress}:7080`, bridge: api });

  test('is opened with cargo\'s key, and only what was sealed for it', async () => {
    await expect(ask()).rejects.toMatchObject({ facts: { code: 'cargo-refused', why: expect.stringContaining('404') } });
    const identity = { env: [['MULTI', 'a\nb'], ['EMPTY', '']] };
    await put(JSON.stringify(seal((await world.ask('hello', {})).publicKey, Buffer.from(JSON.stringify({ v: 1, identity })))));
    expect(await ask()).toEqual(identity);
    await put(JSON.stringify(seal(world.config.hub.publicKey, Buffer.from(JSON.stringify({ v: 1, identity })))));
    await expect(ask()).rejects.toMatchObject({ facts: { code: 'cargo-refused' } });
    await put('<html>');
    await expect(ask()).rejects.toMatchObject({ facts: { code: 'cargo-refused' } });
  }, limitMs);

  test('an agent that is not there', async () => {
    await expect(world.ask('identity', { agent: `${hubAddress}:7999`, bridge: api })).rejects.toMatchObject({ facts: { code: 'cargo-unreachable' } });
  }, limitMs);
});

describe('healing', () => {
  test('docker restart: everything as it was, without a command', async () => {
    const { publicKey } = await world.ask('hello', {});
    const before = performance.now();
    await docker.containers.restart(world.cargo.id, 5);
    await until('the forward', async () => ((await connectFromHub(20001)).got === undefined ? undefined : true), 15_000);
    expect(performance.now() - before).toBeLessThan(15_000);
    expect(await world.ask('hello', {})).toMatchObject({ publicKey, configured: true });
    expect(await world.evaluate(apps.web, `return (await fetch('http://web.shop.svc.cluster.local/')).text()`)).toBe(`cluster saw ${clientAddress}`);
  }, limitMs);

  test('the hub comes back with the same key: a new handshake within seconds, not after WireGuard\'s fifteen', async () => {
    await untilEcho(5000);
    await docker.containers.restart(world.hub, 0);
    const before = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await untilEcho(14_000);
    expect(performance.now() - before).toBeLessThan(14_000);
    expect((await connectFromHub(20001)).got).toBe(`web saw ${hubAddress}`);
  }, limitMs);

  test('Docker rewrites the default route at every network connect; cargo puts it right', async () => {
    const gateway = async (): Promise<string> => (await docker.containers.exec(world.cargo.id, ['ip', 'route', 'show', 'default'])).stdout;
    const right = `default via ${world.network.subnet.gateway} `;
    await docker.networks.disconnect(`hub-${world.link}`, world.cargo.id);
    await docker.networks.connect(`hub-${world.link}`, world.cargo.id);
    await docker.containers.exec(world.cargo.id, ['ip', 'route', 'del', 'default']);
    await until('the default route', async () => ((await gateway()).startsWith(right) ? true : undefined), 5000);
    await docker.containers.exec(world.cargo.id, ['ip', 'route', 'replace', 'default', 'via', world.network.subnet.cargo]);
    await until('the default route', async () => ((await gateway()).startsWith(right) ? true : undefined), 5000);
    await untilEcho(20_000);
  }, limitMs);

  test('the tunnel process killed: Docker starts cargo again, and it heals', async () => {
    const before = (await docker.containers.find(world.cargo.id))?.labels;
    await world.evaluate(world.cargo.id, `const fs=require('fs');for(const p of fs.readdirSync('/proc')){try{if(fs.readFileSync('/proc/'+p+'/comm','utf8').trim()==='wireguard-go')process.kill(+p,'SIGKILL')}catch{}}`).catch(() => undefined);
    await until('the forward', async () => ((await connectFromHub(20001)).got === undefined ? undefined : true), 20_000);
    expect((await docker.containers.find(world.cargo.id))?.labels).toEqual(before);
  }, limitMs);
});

test('memory at rest: 90 MB for everything in the container', async () => {
  const resident = await world.evaluate<Record<string, number>>(world.cargo.id, `const fs=require('fs');const out={};for(const p of fs.readdirSync('/proc').filter((n)=>/^\\d+$/.test(n)&&+n!==process.pid)){try{
    const s=fs.readFileSync('/proc/'+p+'/status','utf8');const kb=/VmRSS:\\s+(\\d+)/.exec(s);if(kb)out[/Name:\\s+(.*)/.exec(s)[1]+' '+p]=+kb[1]}catch{}}return out`);
  const total = Object.values(resident).reduce((sum, kb) => sum + kb, 0);
  expect({ resident, megabytes: total / 1024 }).toMatchObject({ megabytes: expect.any(Number) });
  expect(total / 1024).toBeLessThanOrEqual(90);
}, limitMs);
