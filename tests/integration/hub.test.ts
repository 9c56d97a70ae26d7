/** The hub with real WireGuard and nftables, between containers that play clients, an agent and the cluster. */
import { homedir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectDocker } from '../../cli/adapters/docker/index.ts';
import { ensureImage } from '../../cli/image/build.ts';
import { heartbeatSuspendMs } from '../../protocol/heartbeat.ts';
import { systemNamespace } from '../../protocol/names.ts';
import type { Bridge, Client } from '../../protocol/objects.ts';
import { until } from '../support/wait.ts';
import { createHubWorld, type HubWorld } from './hub/hub-world.ts';

const limitMs = 60_000;
const annAddress = '100.96.0.2';
const bobAddress = '100.96.0.3';
let world: HubWorld;
let keys: { ann: string; bob: string };

const clientObject = (name: string, owner: string, publicKey: string, address: string, createdAt = Date.now() - 60_000): object => ({
  metadata: { namespace: systemNamespace, name, creationTimestamp: new Date(createdAt).toISOString() }, spec: { owner, publicKey }, status: { address },
});

/** Ports 20001 (TCP) and 20002 (UDP) to ann's client, for the agent. */
const bridgeObject = (): object => ({
  metadata: { namespace: 'demo', name: 'web-ann' },
  spec: { owner: 'ann', client: 'ann-1', target: { kind: 'Deployment', name: 'web', container: 'web' }, ports: [] },
  status: {
    ports: [{ port: 80, protocol: 'TCP', local: 80, hubPort: 20001 }, { port: 53, protocol: 'UDP', local: 53, hubPort: 20002 }],
    pods: [{ name: 'web-1', node: 'n1', ready: true, since: '2026-01-01T00:00:00Z', agent: `${world.addresses.agent}:7080`, address: world.addresses.agent }],
  },
});

async function clientNow(name: string): Promise<Client> {
  const client = (await world.objects<Client>({ kind: 'clients' })).find(({ metadata }) => metadata.name === name);
  if (client === undefined) throw new Error(`no client ${name}`);
  return client;
}

async function untilPhase(name: string, phase: string, withinMs: number): Promise<void> {
  await until(`client ${name} is ${phase}`, async () => ((await clientNow(name)).status?.phase === phase ? true : undefined), withinMs);
}

async function linkUp(member: 'ann' | 'bob', hubKey: string): Promise<void> {
  const { hub, agent, stranger } = world.addresses;
  const routes = ['100.96.0.0/16', `${agent}/32`, `${stranger}/32`];
  await world.peer(member, { link: { address: member === 'ann' ? annAddress : bobAddress, hubKey, endpoint: `${hub}:51820`, routes }, set: { beating: true } });
}

beforeAll(async () => {
  const host = { env: process.env, homeDir: homedir() };
  const docker = await connectDocker(host);
  const { reference } = await ensureImage('stowaway', { docker, host, waiting: () => undefined, signal: new AbortController().signal });
  world = await createHubWorld(docker, reference);
  keys = { ann: (await world.peer('ann', {})).publicKey, bob: (await world.peer('bob', {})).publicKey };
  await world.objects({ kind: 'clients', put: clientObject('ann-1', 'ann', keys.ann, annAddress) });
  await world.objects({ kind: 'clients', put: clientObject('bob-1', 'bob', keys.bob, bobAddress) });
}, 600_000);

afterAll(async () => { await world?.remove(); }, limitMs);

describe('clients', () => {
  test('become peers when they have an address, and are Online with the first heartbeat', async () => {
    await until('the hub has a peer for both', async () => ((await clientNow('ann-1')).status?.hub !== undefined && (await clientNow('bob-1')).status?.hub !== undefined ? true : undefined), 5000);
    const { status } = await clientNow('ann-1');
    expect(status).toMatchObject({ phase: 'Pending', hub: { address: '100.96.0.1', pool: '100.96.0.0/16', publicKey: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) } });
    for (const member of ['ann', 'bob'] as const) await linkUp(member, status!.hub!.publicKey);
    await untilPhase('ann-1', 'Online', 5000);
    await untilPhase('bob-1', 'Online', 5000);
    expect((await clientNow('ann-1')).status).toMatchObject({ transport: 'docker', lastSeen: expect.stringMatching(/Z$/) });
  }, limitMs);

  test('reach what the hub reaches, with the hub\'s address', async () => {
    expect(await world.talk('ann', world.addresses.stranger, 8080)).toMatchObject({ got: `asked by ${world.addresses.hub}` });
  }, limitMs);

  test('never reach each other, nor the hub\'s own ports', async () => {
    for (const [host, port] of [[bobAddress, 20001], ['100.96.0.1', 7081], ['100.96.0.1', 20001]] as const) {
      const { got, error, afterMs } = await world.talk('ann', host, port);
      expect({ host, port, got, error: error !== undefined && error !== 'silence' }).toEqual({ host, port, got: undefined, error: true });
      expect(afterMs).toBeLessThan(1000);
    }
  }, limitMs);

  test('cannot be pushed aside by somebody who copies their public key', async () => {
    await world.objects({ kind: 'clients', put: clientObject('eve-1', 'eve', keys.ann, '100.96.0.9', Date.now()) });
    await until('eve is refused', async () => ((await clientNow('eve-1')).status?.conditions?.some(({ reason }) => reason === 'KeyInUse') === true ? true : undefined), 5000);
    expect(await world.talk('ann', world.addresses.stranger, 8080)).toMatchObject({ got: `asked by ${world.addresses.hub}` });
    await world.objects({ kind: 'clients', remove: { namespace: systemNamespace, name: 'eve-1' } });
  }, limitMs);

  test('may send what they like to the heartbeat port', async () => {
    await world.evaluate('bob', `const s=require('dgram').createSocket('udp4'),c=require('crypto');
      for(let i=0;i<400;i++){s.send(c.randomBytes(1+i*20),7070,'100.96.0.1');s.send(JSON.stringify({v:1,seq:i,transport:'udp',ended:[null]}),7070,'100.96.0.1');if(i%20===0)await new Promise((r)=>setTimeout(r,5))}`);
    await world.peer('ann', { set: {} });
    await until('an echo for ann', async () => ((await world.peer('ann', {})).echoes.length > 0 ? true : undefined), 3000);
    expect((await world.talk('ann', world.addresses.stranger, 8080)).got).toBeDefined();
  }, limitMs);
});

describe('hub ports', () => {
  test('lead the bridge\'s agents, and nobody else, to its client', async () => {
    expect(await world.talk('agent', world.addresses.hub, 20001)).toMatchObject({ error: 'ECONNREFUSED' });
    await world.objects({ kind: 'bridges', put: bridgeObject() });
    await until('the agent gets through', async () => ((await world.talk('agent', world.addresses.hub, 20001)).got === 'hello' ? true : undefined), 3000);
    for (const member of ['stranger', 'bob'] as const) {
      const outcome = await world.talk(member, world.addresses.hub, 20001);
      expect(outcome).toMatchObject({ error: 'ECONNREFUSED' });
      expect(outcome.afterMs).toBeLessThan(500);
    }
  }, limitMs);

  test('carry UDP with the sender\'s own address', async () => {
    const udp = (member: 'agent' | 'stranger'): Promise<string> => world.evaluate(member, `return await new Promise((resolve)=>{const s=require('dgram').createSocket('udp4');
      s.on('message',(m)=>resolve(String(m)));s.on('error',(e)=>resolve(e.code));s.connect(20002,'${world.addresses.hub}',()=>s.send('ping'));setTimeout(()=>resolve('silence'),1500)})`);
    expect(await udp('agent')).toBe(`ping from ${world.addresses.agent}`);
    expect(await udp('stranger')).toBe('ECONNREFUSED');
  }, limitMs);

  test('a refusal by the client is a refusal for the agent, at once', async () => {
    await world.objects({ kind: 'bridges', put: { ...bridgeObject(), status: { ...(bridgeObject() as Bridge).status, ports: [{ port: 81, protocol: 'TCP', local: 81, hubPort: 20009 }] } } });
    await until('port 20009 leads to the client', async () => {
      const { error, afterMs } = await world.talk('agent', world.addresses.hub, 20009);
      return error === 'ECONNREFUSED' && afterMs < 500 ? true : undefined;
    }, 3000);
    await world.objects({ kind: 'bridges', put: bridgeObject() });
  }, limitMs);

  test('of a client that falls silent refuse at once, open connections too, and come back by themselves', async () => {
    await until('the port is there', async () => ((await world.talk('agent', world.addresses.hub, 20001)).got === 'hello' ? true : undefined), 3000);
    // A connection that writes all the time, as one that waits for an answer would be kept by the kernel.
    const open = world.evaluate<{ error: string; afterMs: number }>('agent', `const t=Date.now();return await new Promise((resolve)=>{const s=require('net').connect(20001,'${world.addresses.hub}');s.on('data',()=>{});
      setInterval(()=>s.write('x'),200);s.on('error',(e)=>resolve({error:e.code,afterMs:Date.now()-t}));setTimeout(()=>resolve({error:'silence',afterMs:0}),15000)})`);
    await world.peer('ann', { set: { beating: false } });
    await untilPhase('ann-1', 'Suspended', heartbeatSuspendMs + 3000);
    expect(await world.talk('agent', world.addresses.hub, 20001)).toMatchObject({ error: 'ECONNREFUSED' });
    expect((await open).error).toMatch(/ECONNRESET|EPIPE/);
    await world.peer('ann', { set: { beating: true } });
    await untilPhase('ann-1', 'Online', 3000);
    await until('the agent gets through again', async () => ((await world.talk('agent', world.addresses.hub, 20001)).got === 'hello' ? true : undefined), 2000);
  }, limitMs);

  test('go when the client goes', async () => {
    const client = await clientNow('bob-1');
    await world.objects({ kind: 'clients', remove: { namespace: systemNamespace, name: 'bob-1' } });
    await until('the peer is gone', async () => {
      const peers = await world.evaluate<string>('hub', "return require('child_process').execFileSync('wg',['show','wg0','peers'],{encoding:'utf8'})");
      return peers.includes(client.spec.publicKey) ? undefined : true;
    }, 3000);
    await world.objects({ kind: 'clients', put: clientObject('bob-1', 'bob', keys.bob, bobAddress) });
    await linkUp('bob', (await clientNow('ann-1')).status!.hub!.publicKey);
    await untilPhase('bob-1', 'Online', 8000);
  }, limitMs);
});

describe('a bridge whose container goes out as a pod', () => {
  const address = '100.96.7.7';
  const goingOut = (pod?: string): object => {
    const { spec, status, metadata } = bridgeObject() as Bridge;
    return { metadata, spec: { ...spec, egress: 'pod' }, status: { ...status, egress: { address, tunnel: 9, ...(pod === undefined ? {} : { pod }) } } };
  };
  /** A connection to the stranger from the bridge's address, whoever makes it. */
  const connectFrom = (member: 'ann' | 'bob') => world.evaluate<{ got?: string; error?: string }>(member, `const ip=(...a)=>require('child_process').execFileSync('ip',['address',...a,'${address}/32','dev','wg0']);ip('replace');
    try{return await new Promise((resolve)=>{const s=require('net').connect({host:'${world.addresses.stranger}',port:8080,localAddress:'${address}'},()=>s.write('hello'));
      s.on('data',(d)=>resolve({got:String(d)}));s.on('error',(e)=>resolve({error:e.code}));setTimeout(()=>resolve({error:'silence'}),1500)})}finally{ip('del')}`);
  /** What comes to the agent by VXLAN meanwhile: number of the tunnel, inner source and destination. */
  const tunnelled = () => world.evaluate<string[]>('agent', `return await new Promise((resolve)=>{const seen=new Set(),s=require('dgram').createSocket('udp4');
    s.on('message',(m)=>seen.add([m.readUIntBE(4,3),[...m.subarray(34,38)].join('.'),[...m.subarray(38,42)].join('.')].join(' ')));s.bind(4790);setTimeout(()=>resolve([...seen]),3000)})`);
  const devices = () => world.evaluate<string>('hub', "return require('child_process').execFileSync('ip',['-br','link'],{encoding:'utf8'})");

  test('its packets go nowhere while there is no pod, and are told so', async () => {
    await world.objects({ kind: 'bridges', put: goingOut() });
    await until('host unreachable', async () => ((await connectFrom('ann')).error === 'EHOSTUNREACH' ? true : undefined), 8000);
  }, limitMs);

  test('then into the tunnel to that pod\'s agent, and nowhere else', async () => {
    await world.objects({ kind: 'bridges', put: goingOut('web-1') });
    await until('the tunnel', async () => ((await devices()).includes('pbe000009') ? true : undefined), 5000);
    const [seen, outcome] = await Promise.all([tunnelled(), connectFrom('ann')]);
    expect({ seen, outcome }).toEqual({ seen: [`9 ${address} ${world.addresses.stranger}`], outcome: { error: 'silence' } });
    expect(await world.talk('ann', world.addresses.stranger, 8080)).toMatchObject({ got: `asked by ${world.addresses.hub}` });
  }, limitMs);

  test('no other client can send in its name', async () => {
    expect(await Promise.all([tunnelled(), connectFrom('bob')])).toEqual([[], { error: 'silence' }]);
  }, limitMs);

  test('nothing of it is left when it ends', async () => {
    await world.objects({ kind: 'bridges', put: bridgeObject() });
    await until('no tunnel', async () => ((await devices()).includes('pbe') ? undefined : true), 5000);
    expect(await world.evaluate<string>('hub', "return require('child_process').execFileSync('ip',['rule'],{encoding:'utf8'})")).not.toContain(address);
  }, limitMs);
});

describe('bridges whose session has ended', () => {
  const ref = { namespace: 'demo', name: 'web-ann' };

  test('are deleted for their own client only, which hears when they are gone', async () => {
    await world.peer('bob', { set: { ended: [ref] } });
    await until('bob hears that it is none of his', async () => ((await world.peer('bob', {})).echoes.at(-1)?.gone.length === 1 ? true : undefined), 5000);
    expect(await world.objects({ kind: 'bridges' })).toHaveLength(1);
    await world.peer('ann', { set: { ended: [ref, { namespace: 'demo', name: 'never-was' }] } });
    await until('ann hears that both are gone', async () => ((await world.peer('ann', {})).echoes.at(-1)?.gone.length === 2 ? true : undefined), 5000);
    expect(await world.objects({ kind: 'bridges' })).toEqual([]);
    await until('the port is closed', async () => ((await world.talk('agent', world.addresses.hub, 20001)).error === 'ECONNREFUSED' ? true : undefined), 2000);
  }, limitMs);

  test('the hub has met no failure in all this, and has logged no key but the public one', async () => {
    const log = await world.hubLog();
    expect(log).not.toMatch(/"event":"(failed|fatal)"/);
    for (const line of log.split('\n').filter((text) => text.includes('"key"'))) throw new Error(line);
  }, limitMs);
});
