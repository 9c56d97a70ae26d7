/** Raw userspace WireGuard between two plain containers on a Docker network of their own: what any tunnel of this kind can do on this machine. */
import { execa } from 'execa';
import { testLabel } from '../../workloads/labels.ts';
import { until } from '../../support/wait.ts';
import { inContainer, type Exec } from './exec.ts';
import { iperfPort } from './workloads.ts';

const network = 'podbridge-bench-tunnel';
const ends = ['podbridge-bench-a', 'podbridge-bench-b'] as const;
const addresses = ['10.99.99.1', '10.99.99.2'] as const;
const mtu = 1420;
const startLimitMs = 10_000;

export interface PlainTunnel {
  client: Exec;
  server: Exec;
  /** Of the server: through the tunnel, and on the Docker network. */
  host: { tunnel: string; network: string };
  /** On both ends. */
  queueLength: (packets: number) => Promise<void>;
  /** Packets that the TUN devices and the sockets of either end have dropped since they exist. */
  drops: () => Promise<{ tunQueue: number; sockets: number }>;
  remove: () => Promise<void>;
}

export async function plainTunnel(image: string, environment: Record<string, string> = {}): Promise<PlainTunnel> {
  await remove();
  await execa('docker', ['network', 'create', '--label', testLabel, network]);
  const variables = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  for (const end of ends) {
    await execa('docker', ['run', '--detach', '--init', '--label', testLabel, '--name', end, '--network', network, '--pids-limit', '200',
      '--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN', '--device', '/dev/net/tun', ...variables, image, 'wireguard-go', '-f', 'wg0']);
  }
  const [client, server] = [inContainer(ends[0]), inContainer(ends[1])];
  const both = [client, server] as const;
  const [keys, outer] = await Promise.all([Promise.all(both.map(makeKey)), Promise.all(ends.map(networkAddress))]);
  for (const [index, exec] of both.entries()) {
    const other = 1 - index;
    await exec(['wg', 'set', 'wg0', 'listen-port', '51820', 'private-key', '/run/key', 'peer', keys[other]!, 'endpoint', `${outer[other]}:51820`, 'allowed-ips', '0.0.0.0/0']);
    await exec(['ip', 'address', 'add', `${addresses[index]}/24`, 'dev', 'wg0']);
    await exec(['ip', 'link', 'set', 'wg0', 'mtu', String(mtu), 'up']);
  }
  await server(['iperf3', '--server', '--daemon', '--port', String(iperfPort)]);
  return {
    client, server, host: { tunnel: addresses[1], network: outer[1]! }, remove,
    async queueLength(packets) {
      for (const exec of both) await exec(['ip', 'link', 'set', 'wg0', 'txqueuelen', String(packets)]);
    },
    async drops() {
      const texts = await Promise.all(both.map((exec) => exec(['cat', '/sys/class/net/wg0/statistics/tx_dropped', '/proc/net/snmp'])));
      return { tunQueue: sum(texts.map((text) => Number(text.split('\n')[0]))), sockets: sum(texts.map(receiveBufferErrors)) };
    },
  };
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

/** Field of the same name in /proc/net/snmp. */
function receiveBufferErrors(snmp: string): number {
  const [names = '', values = ''] = snmp.split('\n').filter((line) => line.startsWith('Udp:'));
  return Number(values.split(' ')[names.split(' ').indexOf('RcvbufErrors')]);
}

/** The public key; the private one stays in the container. */
async function makeKey(exec: Exec): Promise<string> {
  await until('wireguard-go', async () => ((await exec(['wg', 'show', 'wg0']).catch(() => undefined)) === undefined ? undefined : true), startLimitMs);
  return (await exec(['sh', '-c', 'umask 077 && wg genkey > /run/key && wg pubkey < /run/key'])).trim();
}

async function networkAddress(container: string): Promise<string> {
  return (await execa('docker', ['inspect', '--format', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container])).stdout.trim();
}

async function remove(): Promise<void> {
  await execa('docker', ['rm', '--force', ...ends], { reject: false });
  await execa('docker', ['network', 'rm', network], { reject: false });
}
