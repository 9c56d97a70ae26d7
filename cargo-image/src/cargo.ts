/** Puts the parts together: one link, its forwards, its sessions. Changes run one after the other. */
import type { ContainerEgress, Forward, LinkConfig, LinkStatus } from '../../protocol/control.ts';
import { relayMtu } from '../../protocol/datagram-stream.ts';
import type { TicketAnswer } from '../../protocol/files.ts';
import type { BridgeRef } from '../../protocol/heartbeat.ts';
import type { Ip } from './adapters/ip.ts';
import type { Implementation } from './adapters/tunnel-device.ts';
import { checkLink } from './check/check.ts';
import { createClosings, drainMs, unheardMs } from './control/closings.ts';
import { ControlError } from './control/errors.ts';
import { createLifelines } from './control/lifelines.ts';
import type { Handlers } from './control/server.ts';
import type { Forwarder } from './dns/forwarder.ts';
import type { Gateway } from './gateway/gateway.ts';
import { createHeartbeats } from './heartbeat/heartbeats.ts';
import { withoutGone } from './heartbeat/tracker.ts';
import { findTicket, ticketAnswer } from './files/tickets.ts';
import { fetchCounters } from './identity/counters.ts';
import { fetchIdentity } from './identity/identity.ts';
import { fetchRulesCheck } from './identity/rules-check.ts';
import { fetchTapped } from './identity/tapped.ts';
import type { Log } from './log.ts';
import { createCarrier } from './path/carrier.ts';
import type { Relay } from './relay/relay.ts';
import { sameBridge, type Led, type State } from './state.ts';
import type { KeyPair } from './wireguard/key.ts';
import type { Tunnel } from './wireguard/tunnel.ts';

export const tickIntervalMs = 500;

export interface CargoParts {
  version: string;
  keys: KeyPair;
  /** Resolves when the device stands; a link cannot be configured earlier. */
  device: Promise<Implementation>;
  tunnel: Tunnel;
  ip: Ip;
  makeRelay: (onOpen: () => void) => Relay;
  gateway: Gateway;
  dns: Forwarder;
  state: State;
  save: (state: State) => Promise<void>;
  log: Log;
}

export interface Cargo {
  handlers: Handlers;
  /** Brings up what was known before a restart. */
  resume(): Promise<void>;
  /** To be called every {@link tickIntervalMs}: renews a tunnel that has fallen silent, or takes another way. */
  tick(): Promise<void>;
  /** For the containers that bring files. Rejects when there is none. */
  ticket(bridge: BridgeRef): Promise<TicketAnswer>;
  close(): void;
}

export function createCargo({ version, keys, device, tunnel, ip, makeRelay, gateway, dns, state, save, log }: CargoParts): Cargo {
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(run: () => Promise<T>): Promise<T> => {
    const result = queue.then(run);
    queue = result.catch(() => undefined);
    return result;
  };
  const remember = async (): Promise<void> => {
    state.lifelines = lifelines.list();
    state.closing = closings.list();
    await save(state);
  };
  const background = (what: string, run: () => Promise<unknown>): void => {
    inTurn(run).catch((error: unknown) => log('failed', { what, message: String(error) }));
  };

  const heartbeats = createHeartbeats(() => state.ended, (gone) => background('forget', async () => {
    const left = withoutGone(state.ended, gone);
    const forgotten = state.ended.filter((one) => !left.includes(one));
    state.ended = left;
    for (const bridge of forgotten.filter((one) => closings.has(one))) closings.begin(bridge, drainMs);
    await remember();
  }));
  const closings = createClosings((bridge) => background('close', async () => {
    // Meanwhile another session may have begun with the name.
    if (closings.has(bridge)) await setForwards(bridge, []);
  }));
  const carrier = createCarrier({ tunnel, ip, makeRelay, heartbeats, inTurn: background, log });
  if (state.relay !== undefined) carrier.give(state.relay);
  /** One for each connection that wants it. */
  let rests: { bridge: BridgeRef }[] = [];
  const led = (): (Led & { resting: boolean })[] => state.forwards.map((entry) => ({ ...entry, resting: rests.some(({ bridge }) => sameBridge(bridge, entry.bridge)) }));

  async function setForwards(bridge: BridgeRef, forwards: Forward[], egress?: ContainerEgress): Promise<void> {
    const before = state.forwards;
    const overlaps = (entry: State['forwards'][number]): boolean => entry.forwards.some((a) => forwards.some((b) => a.hubPort === b.hubPort && a.protocol === b.protocol));
    // The cluster gives a hub port to somebody else as soon as its bridge is gone.
    const others = before.filter((entry) => !sameBridge(entry.bridge, bridge) && !(closings.has(entry.bridge) && overlaps(entry)));
    const taken = others.find(overlaps);
    if (taken !== undefined) throw new ControlError('refused', `a hub port of ${bridge.namespace}/${bridge.name} already leads to ${taken.bridge.namespace}/${taken.bridge.name}`);
    const none = forwards.length === 0 && egress === undefined;
    state.forwards = none ? others : [...others, { bridge, forwards, ...(egress === undefined ? {} : { egress }) }];
    try {
      if (state.link !== undefined) await gateway.lead(led());
      else if (!none) throw new ControlError('usage', 'not configured yet');
    } catch (error) {
      state.forwards = before;
      throw error;
    }
    closings.cancel(bridge);
    await remember();
  }

  const lifelines = createLifelines((bridge) => {
    log('session-ended', { bridge });
    state.ended = [...state.ended.filter((other) => !sameBridge(other, bridge)), bridge];
    heartbeats.now();
    closings.begin(bridge, unheardMs);
    background('end of a session', remember);
  });

  // Before anyone can speak: a session that comes back must find its lifeline here, not be followed by it.
  lifelines.restore(state.lifelines);

  /** What stands in this process; state.link alone may be from before a restart. */
  let applied: string | undefined;

  async function apply(link: LinkConfig): Promise<Implementation> {
    const implementation = await device;
    applied = undefined;
    await Promise.all([carrier.start(link), gateway.configure({ ...link, mtu: link.transport === 'api' ? relayMtu : link.mtu }, led())]);
    heartbeats.start(link, () => carrier.transport());
    await dns.serve(link);
    applied = JSON.stringify(link);
    return implementation;
  }

  const linked = (): LinkConfig => {
    if (state.link === undefined) throw new ControlError('usage', 'not configured yet');
    return state.link;
  };

  const filesOfOthers = (bridge: BridgeRef): NonNullable<State['files']> => (state.files ?? []).filter((entry) => !sameBridge(entry.bridge, bridge));

  const handlers: Handlers = {
    hello: async () => ({ version, publicKey: keys.publicKey, configured: state.link !== undefined }),
    configure: (link) => inTurn(async () => {
      if (applied === JSON.stringify(link)) return { implementation: await device };
      const implementation = await apply(link);
      state.link = link;
      await remember();
      log('configured', { transport: link.transport, endpoint: link.hub.endpoints[0], implementation });
      return { implementation };
    }),
    relay: (access) => inTurn(async () => {
      carrier.give(access);
      state.relay = access;
      await remember();
      return {};
    }),
    status: async ({ waitForEchoMs }): Promise<LinkStatus> => {
      const { transport, fallBack } = linked();
      if (waitForEchoMs !== undefined) await heartbeats.untilEcho(waitForEchoMs);
      const peer = await tunnel.peer();
      return {
        transport: carrier.transport(),
        only: fallBack && transport !== 'api' ? null : transport,
        endpoint: carrier.transport() === 'api' ? new URL(state.relay?.server ?? 'https://unknown').host : peer?.endpoint ?? '',
        handshakeAgeMs: peer === undefined || peer.latestHandshakeS === 0 ? null : Math.max(0, Date.now() - peer.latestHandshakeS * 1000),
        echoAgeMs: heartbeats.echoAgeMs(),
        rttMs: heartbeats.rttMs(),
        rxBytes: peer?.rxBytes ?? 0,
        txBytes: peer?.txBytes ?? 0,
        mtu: carrier.mtu(),
        relay: carrier.relay(),
        heartbeats: heartbeats.counted(),
        forwards: state.forwards.map(({ bridge, forwards }) => ({ bridge, forwards })),
        sessions: lifelines.list(),
      };
    },
    forward: ({ bridge, forwards, egress }) => inTurn(async () => {
      await setForwards(bridge, forwards, egress);
      return {};
    }),
    rest: ({ bridge }, session) => {
      const wish = { bridge };
      rests.push(wish);
      session.onEnd(() => {
        rests = rests.filter((other) => other !== wish);
        background('end of a rest', async () => { if (state.link !== undefined) await gateway.lead(led()); });
      });
      return inTurn(async () => {
        linked();
        await gateway.lead(led());
        return {};
      });
    },
    unforward: ({ bridge }) => inTurn(async () => {
      state.files = filesOfOthers(bridge);
      await setForwards(bridge, []);
      return {};
    }),
    identity: ({ agent, bridge }) => fetchIdentity(agent, bridge, linked().address, keys.privateKey),
    counters: ({ agent, bridge }) => fetchCounters(agent, bridge, linked().address, keys.privateKey),
    rules: ({ agent, bridge }) => fetchRulesCheck(agent, bridge, linked().address, keys.privateKey),
    check: async () => checkLink({ ...linked(), transport: carrier.transport(), mtu: carrier.mtu() }),
    files: async ({ agents, bridge }) => {
      const found = await findTicket(agents, bridge, linked().address, keys.privateKey);
      await inTurn(async () => {
        state.files = [...filesOfOthers(bridge), { bridge, agents: found.agents }];
        await remember();
      });
      return { pod: found.ticket.pod, volumes: found.ticket.volumes };
    },
    tap: ({ agent, bridge, after }) => fetchTapped(agent, bridge, after, linked().address, keys.privateKey),
    lifeline: ({ bridge }, session) => {
      // Held before anything waits, so that a session that dies in this very moment is seen.
      lifelines.hold(bridge, session);
      return inTurn(async () => {
        state.ended = state.ended.filter((other) => !sameBridge(other, bridge));
        closings.cancel(bridge);
        await remember();
        return {};
      });
    },
    release: ({ bridge }) => {
      lifelines.release(bridge);
      return inTurn(async () => {
        await remember();
        return {};
      });
    },
  };

  return {
    handlers,
    async resume() {
      const { link } = state;
      // Nothing is open any more that could finish.
      state.forwards = state.forwards.filter(({ bridge }) => !(state.closing ?? []).some((other) => sameBridge(other, bridge)));
      if (link !== undefined) await inTurn(() => apply(link));
    },
    tick: () => inTurn(async () => {
      if (applied !== undefined) await carrier.tick();
    }),
    async ticket(bridge) {
      const known = state.files?.find((entry) => sameBridge(entry.bridge, bridge));
      if (known === undefined) throw new ControlError('usage', `the files of ${bridge.namespace}/${bridge.name} are not wanted here`);
      const found = await findTicket(known.agents, bridge, linked().address, keys.privateKey);
      if (found.agents.join() !== known.agents.join()) {
        known.agents = found.agents;
        background('remember agents', remember);
      }
      return ticketAnswer(found);
    },
    close() {
      lifelines.close();
      carrier.close();
      heartbeats.stop();
      dns.stop();
    },
  };
}
