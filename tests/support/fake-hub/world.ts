/** cargo between two Docker networks of its own: containers on one side, the fake hub on the other. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import type { ControlMethods, LinkConfig } from '../../../protocol/control.ts';
import type { Heartbeat } from '../../../protocol/heartbeat.ts';
import type { Docker } from '../../../cli/adapters/docker/index.ts';
import { ensureCargo, type RunningCargo } from '../../../cli/link/cargo.ts';
import { openControl } from '../../../cli/link/control-client.ts';
import { ensureNetwork, type LinkNetwork } from '../../../cli/link/network.ts';
import { chooseSubnet } from '../../../cli/link/subnet.ts';
import { takeDownLink } from '../../../cli/link/take-down.ts';
import { labels } from '../../../protocol/names.ts';

export const clientAddress = '100.96.0.7';
export const hubAddress = '100.96.0.1';
export const dnsAddress = '10.96.0.10';

export interface World {
  docker: Docker;
  link: string;
  image: string;
  network: LinkNetwork;
  cargo: RunningCargo;
  /** Of the hub container. */
  hub: string;
  config: LinkConfig;
  /** What the hub has heard. */
  heartbeats(): Promise<(Heartbeat & { from: string })[]>;
  /** One request over a connection of its own. */
  ask<M extends keyof ControlMethods>(method: M, params: ControlMethods[M]['params']): Promise<ControlMethods[M]['result']>;
  /** Runs the body of an async function in a container; its result comes back as JSON. */
  evaluate<T>(container: string, body: string): Promise<T>;
  /** A container in the link's network, as `bridge run` makes it. */
  app(name: string, address: string, program: string, aliases?: string[]): Promise<string>;
  removeAll(): Promise<void>;
}

async function tarOf(name: string, content: Buffer): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** @param image reference of the cargo image */
export async function createWorld(docker: Docker, image: string): Promise<World> {
  const link = `test-${Math.floor(Math.random() * 0xffffff).toString(16).padStart(6, '0')}`;
  const own = { [labels.link]: link };
  const network = await ensureNetwork({ docker, link, labels: {}, avoid: [] });
  const hubNetwork = `hub-${link}`;
  const subnet = chooseSubnet([...(await docker.networks.list()).flatMap(({ subnets }) => subnets), '10.87.0.0/16'], 0);
  if (subnet === undefined) throw new Error('no subnet is free');
  await docker.networks.create({ name: hubNetwork, labels: own, subnet: subnet.cidr, gateway: subnet.gateway });
  const cargo = await ensureCargo({ docker, link, network, image, labels: {} });
  await docker.networks.connect(hubNetwork, cargo.id);

  const hubEndpoint = subnet.cidr.replace(/0\/24$/, '10');
  const hub = await docker.containers.create({
    name: `hub-${link}`, image, labels: own, entrypoint: ['tini', '--', 'node', '/hub-program.ts'], networks: [{ network: hubNetwork, ipv4Address: hubEndpoint }],
    capDrop: ['ALL'], capAdd: ['NET_ADMIN'], devices: ['/dev/net/tun'],
    env: [`CLIENT_KEY=${cargo.hello.publicKey}`, `CLIENT_ADDRESS=${clientAddress}`, `HUB_ADDRESS=${hubAddress}`, `DNS_ADDRESS=${dnsAddress}`],
  });
  await docker.containers.putArchive(hub, '/', await tarOf('hub-program.ts', await readFile(join(import.meta.dirname, 'hub-program.ts'))));
  await docker.containers.start(hub);

  async function hubLines(): Promise<unknown[]> {
    const log = await docker.containers.logs(hub, { tty: false });
    let text = '';
    for await (const chunk of log.stdout) text += String(chunk);
    return text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown);
  }
  let publicKey: string | undefined;
  for (let attempt = 0; publicKey === undefined; attempt++) {
    if (attempt > 200) throw new Error('the hub does not start');
    publicKey = (await hubLines() as { publicKey?: string }[])[0]?.publicKey;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  return {
    docker, link, image, network, cargo, hub,
    config: {
      address: clientAddress, hub: { publicKey, address: hubAddress, endpoint: { host: hubEndpoint, port: 51820 }, fallbacks: [] }, transport: 'docker', mtu: 1420, dns: { server: dnsAddress, domain: 'cluster.local' },
      network: { subnet: network.subnet.cidr, address: network.subnet.cargo, gateway: network.subnet.gateway },
    },
    heartbeats: async () => (await hubLines()).filter((line): line is Heartbeat & { from: string } => (line as Partial<Heartbeat>).seq !== undefined),
    async ask(method, params) {
      const control = await openControl(docker, cargo.id);
      try {
        return await control.call(method, params);
      } finally {
        control.close();
      }
    },
    async evaluate<T>(container: string, body: string) {
      const program = `const run=async()=>{${body}};run().then((result)=>{console.log(JSON.stringify(result===undefined?null:result));process.exit(0)},(error)=>{console.error(error);process.exit(1)})`;
      const { exitCode, stdout, stderr } = await docker.containers.exec(container, ['node', '-e', program]);
      if (exitCode !== 0) throw new Error(`in ${container}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    async app(name, address, program, aliases) {
      const id = await docker.containers.create({
        name: `${name}-${link}`, image, labels: { ...own, [labels.role]: 'app' }, entrypoint: ['node', '-e', program], capDrop: ['ALL'], dns: { servers: [network.subnet.cargo] },
        networks: [{ network: network.name, ipv4Address: address, ...(aliases === undefined ? {} : { aliases }) }],
      });
      await docker.containers.start(id);
      return id;
    },
    async removeAll() {
      cargo.control.close();
      await takeDownLink({ docker, link });
    },
  };
}
