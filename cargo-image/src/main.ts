/** cargo's entry: reads where it stands, starts the parts, ends on a signal. The only file that reads `process`. */
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlSocket } from '../../protocol/control.ts';
import { ports } from '../../protocol/ports.ts';
import { ip } from './adapters/ip.ts';
import { nft } from './adapters/nft.ts';
import { makeTunnelDevice } from './adapters/tunnel-device.ts';
import { wg } from './adapters/wg.ts';
import { createCargo, tickIntervalMs } from './cargo.ts';
import { listen } from './control/server.ts';
import { createForwarder } from './dns/forwarder.ts';
import { serveTickets } from './files/socket.ts';
import { createGateway, uplinkCheckIntervalMs } from './gateway/gateway.ts';
import type { Log } from './log.ts';
import { serveOpen, type OpenSettings } from './open/open.ts';
import { openPortForward } from './relay/port-forward.ts';
import { createRelay } from './relay/relay.ts';
import { readState, writeState } from './state.ts';
import { loadOrMakeKeyPair } from './wireguard/key.ts';
import { createTunnel, device } from './wireguard/tunnel.ts';

const keyPath = '/var/lib/podbridge/private-key';
const statePath = '/var/lib/podbridge/state.json';
const resumeRetryMs = 2000;

const log: Log = (event, facts = {}) => console.log(JSON.stringify({ at: new Date().toISOString(), event, ...facts }));

function die(event: string, error: unknown): never {
  // Docker starts the container again, and it heals from its state: simpler than repairing in place.
  log(event, { message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}

async function main(): Promise<void> {
  const made = makeTunnelDevice(device, { forceUserspace: process.env['PODBRIDGE_WIREGUARD'] === 'userspace', onLine: (line) => log('wireguard-go', { line }) });
  made.then(({ process: running }) => running?.ended.then((how) => die('wireguard-ended', how)), (error: unknown) => die('no-wireguard', error));

  const gateway = createGateway({
    ip, nft,
    interfaces: () => Object.entries(networkInterfaces()).flatMap(([name, addresses]) => (addresses ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => ({ name, address }))),
  });
  const cargo = createCargo({
    version: process.env['PODBRIDGE_VERSION'] ?? 'unknown',
    keys: await loadOrMakeKeyPair(keyPath),
    device: made.then(({ implementation }) => implementation),
    tunnel: createTunnel(wg, keyPath),
    ip,
    makeRelay: (onOpen) => createRelay({ connect: openPortForward, onOpen, log }),
    gateway,
    dns: createForwarder((error) => log('failed', { what: 'dns', message: error.message })),
    state: await readState(statePath),
    save: (state) => writeState(statePath, state),
    log,
  });

  const server = await listen(controlSocket, cargo.handlers, log);
  const tickets = await serveTickets((bridge) => cargo.ticket(bridge));
  log('started');
  setInterval(() => {
    gateway.defendUplink().then((changed) => { if (changed) log('uplink-restored'); }, (error: unknown) => log('failed', { what: 'uplink', message: String(error) }));
  }, uplinkCheckIntervalMs);
  setInterval(() => {
    cargo.tick().catch((error: unknown) => log('failed', { what: 'renewal', message: String(error) }));
  }, tickIntervalMs);

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      server.close();
      tickets.close();
      cargo.close();
      process.exit(0);
    });
  }

  // What stood before a restart may not come up at once (a hub named by a name while DNS is not there yet).
  for (;;) {
    try {
      await cargo.resume();
      break;
    } catch (error) {
      log('cannot-resume', { message: error instanceof Error ? error.message : String(error) });
      await sleep(resumeRetryMs);
    }
  }
}

/** The other program of this image, in a container of its own. */
function open(): void {
  const server = serveOpen(JSON.parse(process.env['PODBRIDGE_OPEN'] ?? '{}') as OpenSettings);
  server.listen(ports.open);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
}

// No top-level await: the bundle is CommonJS, which needs 10 MB less (ESM wrappers of node: modules load all that they export).
if (process.argv[2] === 'open') open();
else void main();
