/**
 * Carries WireGuard over the API server: WireGuard sends to a UDP port of ours, what comes there goes into the port-forward, and
 * back. Opened again whenever it breaks, for as long as it is wanted.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Endpoint, RelayAccess, RelayStatus } from '../../../protocol/control.ts';
import { Deframer, frame, isWireguard, relayQueueBytes } from '../../../protocol/datagram-stream.ts';
import type { Log } from '../log.ts';
import { RelayError, type openPortForward, type PortForward } from './port-forward.ts';

const loopback = '127.0.0.1';
const firstPauseMs = 200;
const longestPauseMs = 5000;
/** A token that was refused is tried again this often: the API server may have been starting, or its clock wrong. */
const refusedPauseMs = 30_000;
/** Datagrams of one turn of the event loop go as one message, so that API server and kubelet handle a tenth of them. */
const messageBytes = 60_000;
const receiveBufferBytes = 2 * 1024 * 1024;

export interface Relay {
  /** Where WireGuard has to send to. */
  endpoint(): Promise<Endpoint>;
  /** A new token, or another way; what is open stays open. */
  give(access: RelayAccess): void;
  known(): boolean;
  /** Open it and keep it open. */
  open(): void;
  /** Not needed at present. */
  close(): void;
  status(): RelayStatus | null;
  /** For how long it has not been open though it is wanted; 0 while it is. */
  closedForMs(): number;
  /** Sends a copy of each datagram to this endpoint by UDP too; what comes from there is handed to WireGuard. Until {@link Mirror.end}. */
  mirror(to: Endpoint, onAnswer: () => void): Mirror;
  /** Hands nothing more to WireGuard until it is opened again: a late datagram would lead WireGuard back here. */
  mute(): void;
  end(): void;
}

export interface Mirror {
  end(): void;
}

export interface RelayParts {
  connect: typeof openPortForward;
  /** It has opened, for the first time or again. */
  onOpen: () => void;
  log: Log;
  nowMs?: () => number;
}

const isRefusal = (error: unknown): boolean => error instanceof RelayError && (error.status === 401 || error.status === 403);

export function createRelay({ connect, onOpen, log, nowMs = () => performance.now() }: RelayParts): Relay {
  let access: RelayAccess | undefined;
  let wanted = false;
  let muted = false;
  let forward: PortForward | undefined;
  let connecting = false;
  let attempts = 0;
  let addressIndex = 0;
  let problem: string | undefined;
  let refused = false;
  let closedSinceMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let batch: Buffer[] = [];
  let batchBytes = 0;
  let wireguardPort: number | undefined;
  let mirrored: ((datagram: Buffer) => void) | undefined;

  const local = createSocket('udp4');
  const bound = new Promise<Endpoint>((resolve) => {
    local.bind(0, loopback, () => {
      local.setRecvBufferSize(receiveBufferBytes);
      resolve({ host: loopback, port: local.address().port });
    });
  });
  local.unref();
  local.on('error', (error) => log('failed', { what: 'relay', message: error.message }));
  local.on('message', (datagram, from) => {
    wireguardPort = from.port;
    mirrored?.(datagram);
    if (forward === undefined || forward.queued() > relayQueueBytes) return;
    if (batch.length === 0) setImmediate(flush);
    batch.push(frame(datagram));
    batchBytes += datagram.length;
    if (batchBytes > messageBytes) flush();
  });

  function flush(): void {
    if (batch.length === 0) return;
    forward?.send(Buffer.concat(batch));
    batch = [];
    batchBytes = 0;
  }
  function toWireguard(datagram: Buffer): void {
    if (wireguardPort !== undefined && !muted) local.send(datagram, wireguardPort, loopback, () => undefined);
  }

  function again(): void {
    clearTimeout(timer);
    if (!wanted || access === undefined) return;
    const pauseMs = refused ? refusedPauseMs : Math.min(firstPauseMs * 2 ** Math.max(0, attempts - 1), longestPauseMs);
    timer = setTimeout(() => void attempt(), pauseMs);
    timer.unref();
  }
  function failed(words: string): void {
    if (problem !== words) log('relay-closed', { why: words });
    problem = words;
    again();
  }

  async function attempt(): Promise<void> {
    if (connecting || forward !== undefined || !wanted || access === undefined) return;
    const { addresses } = access;
    const address = addresses[addressIndex % addresses.length];
    if (address === undefined) return;
    connecting = true;
    attempts += 1;
    const deframer = new Deframer();
    let opened: PortForward | undefined;
    let ended: string | undefined;
    try {
      opened = await connect(access, address, {
        onData(data) {
          try {
            for (const datagram of deframer.push(data)) toWireguard(datagram);
          } catch {
            opened?.close();
          }
        },
        onEnd(reason) {
          ended = reason;
          if (forward === undefined || forward !== opened) return;
          forward = undefined;
          closedSinceMs = nowMs();
          if (wanted) failed(reason);
        },
      });
      if (!wanted) return opened.close();
      if (ended !== undefined) throw new RelayError(ended);
      forward = opened;
      attempts = 0;
      problem = undefined;
      refused = false;
      log('relay-open', { address: `${address.host}:${address.port}` });
      onOpen();
    } catch (error) {
      refused = isRefusal(error);
      // Where it got an answer is the right place.
      if (!(error instanceof RelayError && error.status !== undefined)) addressIndex += 1;
      failed(error instanceof Error ? error.message : String(error));
    } finally {
      connecting = false;
    }
  }

  return {
    endpoint: () => bound,
    give(given) {
      access = given;
      addressIndex = 0;
      if (!wanted || forward !== undefined) return;
      // Whatever was wrong may be right now.
      refused = false;
      attempts = 0;
      clearTimeout(timer);
      void attempt();
    },
    known: () => access !== undefined,
    open() {
      muted = false;
      if (wanted) return;
      wanted = true;
      attempts = 0;
      closedSinceMs = nowMs();
      void attempt();
    },
    close() {
      wanted = false;
      clearTimeout(timer);
      const open = forward;
      forward = undefined;
      problem = undefined;
      open?.close();
    },
    status() {
      if (access === undefined) return null;
      return { state: forward !== undefined ? 'open' : wanted ? 'connecting' : 'off', problem: problem ?? null, refused, issuedAt: access.issuedAt, expiresAt: access.expiresAt };
    },
    closedForMs: () => (!wanted || forward !== undefined ? 0 : nowMs() - closedSinceMs),
    mirror(to, onAnswer) {
      const direct: Socket = createSocket('udp4');
      let over = false;
      direct.on('error', () => undefined);
      direct.on('message', (datagram) => {
        if (over || !isWireguard(datagram)) return;
        toWireguard(datagram);
        onAnswer();
      });
      const send = (datagram: Buffer): void => direct.send(datagram, to.port, to.host, () => undefined);
      mirrored = send;
      return {
        end() {
          if (over) return;
          over = true;
          if (mirrored === send) mirrored = undefined;
          direct.close();
        },
      };
    },
    mute() { muted = true; },
    end() {
      this.close();
      local.close();
    },
  };
}
