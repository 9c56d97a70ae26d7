/**
 * Runs inside a container of the stowaway image: the real hub with the real wg, ip and nft, and an API server in memory, which
 * the test changes over HTTP on 127.0.0.1.
 */
import { createServer } from 'node:http';
import { ip } from '../../../stowaway-image/src/adapters/ip.ts';
import { nft } from '../../../stowaway-image/src/adapters/nft.ts';
import { makeTunnelDevice } from '../../../stowaway-image/src/adapters/tunnel-device.ts';
import { wg } from '../../../stowaway-image/src/adapters/wg.ts';
import { Hub } from '../../../stowaway-image/src/hub/hub.ts';
import { loadOrMakeKey } from '../../../stowaway-image/src/hub/key.ts';
import { EgressTunnels } from '../../../stowaway-image/src/hub/egress-tunnels.ts';
import { device, requireForwarding } from '../../../stowaway-image/src/hub/tunnel.ts';
import { uplinkMtu } from '../../../stowaway-image/src/network/uplink.ts';
import { resources, type KubeObject } from '../../../stowaway-image/src/kube/index.ts';
import { FakeKube } from '../../support/fake-kube.ts';

/** What the test asks: put objects there, remove one, see one kind. */
interface Order {
  kind: 'clients' | 'bridges';
  put?: KubeObject;
  remove?: { namespace: string; name: string };
}

const kube = new FakeKube();
const log = (event: string, facts?: Record<string, unknown>): void => console.log(JSON.stringify({ event, ...facts }));

async function main(): Promise<void> {
  await requireForwarding();
  await makeTunnelDevice(device, { forceUserspace: false, onLine: (line) => log('wireguard-go', { line }) });
  const hub = new Hub({ kube, key: await loadOrMakeKey(kube), tools: { wg, ip, nft, egress: new EgressTunnels({ ip, uplinkMtu }) }, log, signal: new AbortController().signal });
  await hub.start('100.96.0.0/16');
  createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { kind, put, remove } = JSON.parse(Buffer.concat(chunks).toString()) as Order;
      if (put !== undefined) kube.seed(resources[kind], put);
      if (remove !== undefined) kube.remove(resources[kind], remove);
      response.end(JSON.stringify(kube.all(resources[kind])));
    });
  }).listen(7999, '127.0.0.1');
  log('ready');
}

void main().catch((error: unknown) => {
  log('fatal', { message: String(error) });
  process.exit(1);
});
