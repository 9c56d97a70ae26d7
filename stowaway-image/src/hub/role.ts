import { ip } from '../adapters/ip.ts';
import { nft } from '../adapters/nft.ts';
import { makeTunnelDevice } from '../adapters/tunnel-device.ts';
import { wg } from '../adapters/wg.ts';
import { serveHealth } from '../health.ts';
import { uplinkMtu } from '../network/uplink.ts';
import { words } from '../log.ts';
import { stopped, type Role } from '../role.ts';
import { awaitPool, Hub } from './hub.ts';
import { serveRelay } from './relay.ts';
import { loadOrMakeKey } from './key.ts';
import { EgressTunnels } from './egress-tunnels.ts';
import { device, requireForwarding } from './tunnel.ts';

export const runHub: Role = async ({ kube, env, log, signal, cpuUs }) => {
  let ailment: string | undefined = 'starting';
  await serveHealth({ ailment: () => ailment, signal });
  await requireForwarding();
  const [key, made, pool] = await Promise.all([
    loadOrMakeKey(kube),
    makeTunnelDevice(device, { forceUserspace: env['PODBRIDGE_WIREGUARD'] === 'userspace', onLine: (line) => log('wireguard-go', { line }) }),
    awaitPool(kube, signal, (error) => log('failed', { what: 'wait for the client pool', message: words(error) })),
  ]);
  const hub = new Hub({ kube, key, tools: { wg, ip, nft, egress: new EgressTunnels({ ip, uplinkMtu }) }, log, signal, cpuUs });
  await hub.start(pool);
  await serveRelay({ signal, onError: (error) => log('failed', { what: 'relay', message: words(error) }) });
  ailment = undefined;
  log('ready', { implementation: made.implementation, pool, publicKey: key.publicKey });
  const end = await Promise.race([stopped(signal), ...(made.process === undefined ? [] : [made.process.ended])]);
  if (end !== undefined && !signal.aborted) throw new Error(end);
  log('draining');
  await hub.drain();
};
