/** A container that plays the cluster's hub, in a Docker network of its own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { labels } from '../../../protocol/names.ts';
import type { Docker } from '../../../cli/adapters/docker/index.ts';
import { chooseSubnet } from '../../../cli/link/subnet.ts';

export const clientAddress = '100.96.0.7';
export const hubAddress = '100.96.0.1';
export const dnsAddress = '10.96.0.10';
export const hubPort = 51820;

const startLimitMs = 20_000;
const pollMs = 50;

export interface FakeHub {
  container: string;
  /** Its Docker network, which stands for the cluster's. */
  network: string;
  /** Its address there. */
  host: string;
  publicKey: string;
  /** The JSON lines that it has said. */
  lines(): Promise<unknown[]>;
}

async function tarOf(name: string, content: Buffer): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** @param image reference of the cargo image, whose tools it uses. Everything carries the link's label. */
export async function startHub(docker: Docker, { link, image, clientKey }: { link: string; image: string; clientKey: string }): Promise<FakeHub> {
  const own = { [labels.link]: link };
  const network = `hub-${link}`;
  // Not where links look for their subnets.
  const subnet = chooseSubnet([...(await docker.networks.list()).flatMap(({ subnets }) => subnets), '10.87.0.0/16'], 0);
  if (subnet === undefined) throw new Error('no subnet is free');
  await docker.networks.create({ name: network, labels: own, subnet: subnet.cidr, gateway: subnet.gateway });
  const host = subnet.cidr.replace(/0\/24$/, '10');
  const container = await docker.containers.create({
    name: network, image, labels: own, entrypoint: ['tini', '--', 'node', '/hub-program.ts'], networks: [{ network, ipv4Address: host }],
    capDrop: ['ALL'], capAdd: ['NET_ADMIN'], devices: ['/dev/net/tun'],
    env: [`CLIENT_KEY=${clientKey}`, `CLIENT_ADDRESS=${clientAddress}`, `HUB_ADDRESS=${hubAddress}`, `DNS_ADDRESS=${dnsAddress}`],
  });
  await docker.containers.putArchive(container, '/', await tarOf('hub-program.ts', await readFile(join(import.meta.dirname, 'hub-program.ts'))));
  await docker.containers.start(container);

  async function lines(): Promise<unknown[]> {
    const log = await docker.containers.logs(container, { tty: false });
    let text = '';
    for await (const chunk of log.stdout) text += String(chunk);
    return text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown);
  }
  for (const deadline = Date.now() + startLimitMs; ;) {
    const publicKey = (await lines() as { publicKey?: string }[])[0]?.publicKey;
    if (publicKey !== undefined) return { container, network, host, publicKey, lines };
    if (Date.now() > deadline) throw new Error('the hub does not start');
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
