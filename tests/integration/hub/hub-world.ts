/** A hub, two clients, an agent and a stranger: containers on one Docker network. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { pack } from 'tar-stream';
import type { Bridge, Client } from '../../../protocol/objects.ts';
import { labels } from '../../../protocol/names.ts';
import type { ContainerSpec, Docker } from '../../../cli/adapters/docker/index.ts';
import { chooseSubnet } from '../../../cli/link/subnet.ts';
import { until } from '../../support/wait.ts';

export type Member = 'hub' | 'ann' | 'bob' | 'agent' | 'stranger';

/** How a connection went. */
export interface Outcome {
  got?: string;
  error?: string;
  afterMs: number;
}

export interface HubWorld {
  /** Address in the Docker network. */
  addresses: Record<Member, string>;
  evaluate<T>(member: Member, body: string): Promise<T>;
  /** Says something over TCP and waits for the echo. */
  talk(member: Member, host: string, port: number): Promise<Outcome>;
  /** Changes and shows the hub's API objects. */
  objects<T extends Client | Bridge>(order: { kind: 'clients' | 'bridges'; put?: object; remove?: { namespace: string; name: string } }): Promise<T[]>;
  peer(member: 'ann' | 'bob', order: object): Promise<{ publicKey: string; echoes: { seq: number; gone: unknown[] }[] }>;
  hubLog(): Promise<string>;
  remove(): Promise<void>;
}

async function tarOf(files: Record<string, string | Uint8Array>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, Buffer.from(content));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function hubProgram(): Promise<Uint8Array> {
  const { outputFiles } = await build({ entryPoints: [join(import.meta.dirname, 'hub-program.ts')], bundle: true, platform: 'node', format: 'cjs', target: 'node24', write: false, logLevel: 'warning' });
  return outputFiles[0]!.contents;
}

/** @param image reference of the stowaway image */
export async function createHubWorld(docker: Docker, image: string): Promise<HubWorld> {
  const link = `hub-${Math.floor(Math.random() * 0xffffff).toString(16).padStart(6, '0')}`;
  const own = { [labels.link]: link };
  const subnet = chooseSubnet((await docker.networks.list()).flatMap(({ subnets }) => subnets), 0);
  if (subnet === undefined) throw new Error('no subnet is free');
  await docker.networks.create({ name: link, labels: own, subnet: subnet.cidr, gateway: subnet.gateway });
  const at = (host: number): string => subnet.cidr.replace(/0\/24$/, String(host));
  const addresses: Record<Member, string> = { hub: at(10), ann: at(11), bob: at(12), agent: at(13), stranger: at(14) };
  const tunnel = { capDrop: ['ALL'], capAdd: ['NET_ADMIN'], devices: ['/dev/net/tun'] };
  // A service outside that shows who asks: the stranger plays the cluster's pods.
  const service = "require('net').createServer((s)=>{s.on('error',()=>{});s.once('data',()=>s.end('asked by '+s.remoteAddress))}).listen(8080,'0.0.0.0')";
  const specs: Record<Member, Partial<ContainerSpec>> = {
    hub: { ...tunnel, entrypoint: ['tini', '-s', '--', 'node', '/hub-program.cjs'], sysctls: { 'net.ipv4.ip_forward': '1' } },
    ann: { ...tunnel, entrypoint: ['tini', '-s', '--', 'node', '/peer-program.mts'] },
    bob: { ...tunnel, entrypoint: ['tini', '-s', '--', 'node', '/peer-program.mts'] },
    agent: { capDrop: ['ALL'], entrypoint: ['node', '-e', 'setInterval(()=>{},1e9)'] },
    stranger: { capDrop: ['ALL'], entrypoint: ['node', '-e', service] },
  };
  const programs = await tarOf({ 'hub-program.cjs': await hubProgram(), 'peer-program.mts': await readFile(join(import.meta.dirname, 'peer-program.ts')) });
  const ids = {} as Record<Member, string>;
  for (const member of Object.keys(specs) as Member[]) {
    ids[member] = await docker.containers.create({ name: `${member}-${link}`, image, labels: own, networks: [{ network: link, ipv4Address: addresses[member] }], ...specs[member] });
    await docker.containers.putArchive(ids[member], '/', programs);
    await docker.containers.start(ids[member]);
  }

  async function logOf(member: Member): Promise<string> {
    const { stdout } = await docker.containers.logs(ids[member], { tty: false });
    let text = '';
    for await (const chunk of stdout) text += String(chunk);
    return text;
  }
  async function evaluate<T>(member: Member, body: string): Promise<T> {
    const program = `const run=async()=>{${body}};run().then((result)=>{console.log(JSON.stringify(result===undefined?null:result));process.exit(0)},(error)=>{console.error(error);process.exit(1)})`;
    const { exitCode, stdout, stderr } = await docker.containers.exec(ids[member], ['node', '-e', program]);
    if (exitCode !== 0) throw new Error(`in ${member}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }
  const order = async <T>(member: Member, body: object): Promise<T> => await evaluate<T>(member, `return (await fetch('http://127.0.0.1:7999/',{method:'POST',body:${JSON.stringify(JSON.stringify(body))}})).json()`);
  for (const member of ['hub', 'ann', 'bob'] as const) await until(`${member} is ready`, async () => ((await logOf(member)).includes('ready') ? true : undefined), 30_000);

  return {
    addresses, evaluate,
    talk: (member, host, port) => evaluate(member, `const t=Date.now();return await new Promise((resolve)=>{const done=(o)=>resolve({...o,afterMs:Date.now()-t});
      const s=require('net').connect(${port},'${host}',()=>s.write('hello'));s.on('data',(d)=>done({got:String(d)}));s.on('error',(e)=>done({error:e.code}));setTimeout(()=>done({error:'silence'}),3000)})`),
    objects: (body) => order('hub', body),
    peer: (member, body) => order(member, body),
    hubLog: () => logOf('hub'),
    async remove() {
      for (const id of Object.values(ids)) await docker.containers.remove(id, { force: true, volumes: true });
      await docker.networks.remove(link);
    },
  };
}
