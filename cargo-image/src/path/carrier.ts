/** Gets the tunnel's datagrams to the hub: renews a silent tunnel, goes over the API server while the straight way is closed, and back. */
import type { Endpoint, LinkConfig, RelayAccess, RelayStatus } from '../../../protocol/control.ts';
import { relayMtu } from '../../../protocol/datagram-stream.ts';
import type { Transport } from '../../../protocol/objects.ts';
import type { Ip } from '../adapters/ip.ts';
import type { Heartbeats } from '../heartbeat/heartbeats.ts';
import type { Log } from '../log.ts';
import type { Mirror, Relay } from '../relay/relay.ts';
import { device, type Tunnel } from '../wireguard/tunnel.ts';
import { createWatchdog, silenceMs, type Watchdog } from '../wireguard/watchdog.ts';
import { createPathChoice, type Path, type PathChoice } from './path-choice.ts';

/** How long an answer over the straight way is waited for, beside the other way. */
const probeMs = 2000;
/** A session this old may be gone on the other side. */
const sessionLostMs = 10_000;

export interface Carrier {
  /** A new link: begins on the straight way, unless there is to be none. */
  start(link: LinkConfig): Promise<void>;
  give(access: RelayAccess): void;
  /** To be called regularly, a few times in a second. */
  tick(): Promise<void>;
  /** The one in use. */
  transport(): Transport;
  mtu(): number;
  relay(): RelayStatus | null;
  close(): void;
}

export interface CarrierParts {
  tunnel: Tunnel;
  ip: Ip;
  /** @param onOpen to be called whenever it has opened */
  makeRelay: (onOpen: () => void) => Relay;
  heartbeats: Pick<Heartbeats, 'now' | 'echoAgeMs'>;
  /** Runs something as soon as nothing else changes the link. */
  inTurn: (what: string, run: () => Promise<void>) => void;
  log: Log;
  nowMs?: () => number;
}

interface Standing {
  link: LinkConfig;
  choice: PathChoice;
  watchdog: Watchdog;
  sinceMs: number;
  probe?: { mirror: Mirror; endpoint: Endpoint; untilMs: number };
  probes: number;
}

export function createCarrier({ tunnel, ip, makeRelay, heartbeats, inTurn, log, nowMs = () => performance.now() }: CarrierParts): Carrier {
  let standing: Standing | undefined;
  const relay = makeRelay(() => inTurn('relay opened', async () => {
    if (standing === undefined) return;
    if (standing.choice.path !== 'relay') return tick();
    // A first handshake that was sent into nothing is repeated by WireGuard after 5 s only.
    if (lost()) await tunnel.renew(standing.link, await relay.endpoint());
    heartbeats.now();
  }));

  const setMtu = (link: LinkConfig, path: Path): Promise<void> => ip.batch([`link set dev ${device} mtu ${path === 'relay' ? relayMtu : link.mtu}`]);
  const straightEndpoint = ({ hub }: LinkConfig, attempt: number): Endpoint | undefined => hub.endpoints[attempt % Math.max(1, hub.endpoints.length)];
  const lost = (): boolean => (heartbeats.echoAgeMs() ?? Infinity) > sessionLostMs;

  async function take(now: Standing, path: Path, endpoint: Endpoint, session: 'same' | 'new'): Promise<void> {
    endProbe(now);
    if (path === 'relay') relay.open();
    // First the size: what is larger than the way takes would be lost.
    await setMtu(now.link, path);
    await (session === 'new' ? tunnel.renew(now.link, endpoint) : tunnel.lead(now.link, endpoint));
    now.choice.took(path, nowMs());
    now.watchdog = createWatchdog();
    now.sinceMs = nowMs();
    heartbeats.now();
    log('path', { path, endpoint: `${endpoint.host}:${endpoint.port}` });
  }

  function endProbe(now: Standing): void {
    now.probe?.mirror.end();
    delete now.probe;
  }

  function probe(now: Standing): void {
    endProbe(now);
    const endpoint = straightEndpoint(now.link, now.probes++);
    if (endpoint === undefined) return;
    const mirror = relay.mirror(endpoint, () => {
      if (now.probe?.mirror !== mirror) return;
      delete now.probe;
      inTurn('back to the straight way', async () => {
        if (standing !== now || now.choice.path !== 'relay') return mirror.end();
        relay.mute();
        mirror.end();
        await take(now, 'straight', endpoint, 'same');
      });
    });
    now.probe = { mirror, endpoint, untilMs: nowMs() + probeMs };
    heartbeats.now();
  }

  async function renew(now: Standing): Promise<void> {
    const echoAgeMs = heartbeats.echoAgeMs();
    if (echoAgeMs !== null && echoAgeMs < silenceMs) {
      now.watchdog = createWatchdog();
      return;
    }
    const state = relay.status()?.state;
    if (now.choice.path === 'relay' && state !== 'open') return;
    const attempt = now.watchdog.check({ nowMs: nowMs(), echoAgeMs, configuredForMs: nowMs() - now.sinceMs, rxBytes: (await tunnel.peer())?.rxBytes ?? 0 });
    if (attempt === undefined) return;
    const endpoint = now.choice.path === 'relay' ? await relay.endpoint() : straightEndpoint(now.link, attempt - 1);
    if (endpoint === undefined) return;
    log('renewing', { attempt, echoAgeMs, path: now.choice.path });
    await tunnel.renew(now.link, endpoint);
    heartbeats.now();
  }

  async function tick(): Promise<void> {
    const now = standing;
    if (now === undefined) return;
    if (now.probe !== undefined && nowMs() > now.probe.untilMs) endProbe(now);
    const order = now.choice.check({ nowMs: nowMs(), echoAgeMs: heartbeats.echoAgeMs(), relay: relay.status()?.state ?? 'unknown', relayClosedForMs: relay.closedForMs() });
    if (order === 'open-relay') relay.open();
    else if (order === 'close-relay') relay.close();
    else if (order === 'probe') probe(now);
    else if (order === 'take-relay') await take(now, 'relay', await relay.endpoint(), 'new');
    else if (order === 'take-straight') {
      const endpoint = straightEndpoint(now.link, 0);
      if (endpoint !== undefined) await take(now, 'straight', endpoint, 'new');
    }
    await renew(now);
  }

  return {
    tick,
    async start(link) {
      if (standing !== undefined) endProbe(standing);
      const only = link.transport === 'api' ? 'relay' : link.fallBack ? undefined : 'straight';
      standing = { link, choice: createPathChoice({ nowMs: nowMs(), ...(only === undefined ? {} : { only }) }), watchdog: createWatchdog(), sinceMs: nowMs(), probes: 0 };
      if (only === 'relay') {
        relay.open();
        await tunnel.configure(link, await relay.endpoint());
        return;
      }
      relay.close();
      const endpoint = straightEndpoint(link, 0);
      if (endpoint === undefined) throw new RangeError('a link that is not over the API server needs an endpoint');
      await tunnel.configure(link, endpoint);
    },
    give: (access) => relay.give(access),
    transport: () => (standing === undefined || standing.choice.path === 'relay' ? 'api' : standing.link.transport),
    mtu: () => (standing === undefined ? 0 : standing.choice.path === 'relay' ? relayMtu : standing.link.mtu),
    relay: () => relay.status(),
    close() {
      if (standing !== undefined) endProbe(standing);
      relay.end();
    },
  };
}
