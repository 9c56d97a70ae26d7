/** cargo between two Docker networks of its own: containers on one side, the fake hub on the other. */
import type { ControlMethods, LinkConfig } from '../../../protocol/control.ts';
import type { Heartbeat } from '../../../protocol/heartbeat.ts';
import type { Docker } from '../../../cli/adapters/docker/index.ts';
import { ensureCargo, type RunningCargo } from '../../../cli/link/cargo.ts';
import { openControl } from '../../../cli/link/control-client.ts';
import { ensureNetwork, type LinkNetwork } from '../../../cli/link/network.ts';
import { takeDownLink } from '../../../cli/link/take-down.ts';
import { labels } from '../../../protocol/names.ts';
import { clientAddress, dnsAddress, hubAddress, hubPort, startHub } from './hub.ts';

export { clientAddress, dnsAddress, hubAddress } from './hub.ts';

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

/** @param image reference of the cargo image */
export async function createWorld(docker: Docker, image: string): Promise<World> {
  const link = `test-${Math.floor(Math.random() * 0xffffff).toString(16).padStart(6, '0')}`;
  const own = { [labels.link]: link };
  const network = await ensureNetwork({ docker, link, labels: {}, avoid: [] });
  const cargo = await ensureCargo({ docker, link, network, image, labels: {} });
  const hub = await startHub(docker, { link, image, clientKey: cargo.hello.publicKey });
  await docker.networks.connect(hub.network, cargo.id);

  return {
    docker, link, image, network, cargo, hub: hub.container,
    config: {
      address: clientAddress, hub: { publicKey: hub.publicKey, address: hubAddress, endpoints: [{ host: hub.host, port: hubPort }] }, transport: 'docker', fallBack: false, mtu: 1420, dns: { server: dnsAddress, domain: 'cluster.local' },
      network: { subnet: network.subnet.cidr, address: network.subnet.cargo, gateway: network.subnet.gateway },
    },
    heartbeats: async () => (await hub.lines()).filter((line): line is Heartbeat & { from: string } => (line as Partial<Heartbeat>).seq !== undefined),
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
