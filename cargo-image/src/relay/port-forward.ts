/**
 * One port-forward to the hub's pod, over a websocket of the API server (subprotocol v4.channel.k8s.io: each message is a
 * channel byte, 0 data or 1 error, and bytes; the first message of each channel carries the port's number).
 * SPDY is not spoken: `ws` rightly refuses its name, and every API server since 1.30 has websockets.
 */
import type { Socket } from 'node:net';
import WebSocket from 'ws';
import type { Endpoint, RelayAccess } from '../../../protocol/control.ts';
import { connectServer } from './connect-server.ts';

const subprotocol = 'v4.channel.k8s.io';
/** From the first packet to the open port-forward. */
const openLimitMs = 5000;
/** The API server's connections die without a word in proxies and on roaming laptops: a ping that is not answered by the next one ends it. */
const pingIntervalMs = 3000;
const portBytes = 2;
const messageMaxBytes = 16 * 1024 * 1024;

export interface PortForward {
  /** Bytes that wait to be sent. */
  queued(): number;
  send(data: Buffer): void;
  close(): void;
}

/** `status` is the HTTP status with which the API server refused. */
export class RelayError extends Error {
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.name = 'RelayError';
    this.status = status;
  }
}

export interface PortForwardEvents {
  onData(data: Buffer): void;
  /** Once, however it ended. */
  onEnd(reason: string): void;
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    return body;
  }
}

/** Throws {@link RelayError}. @param address one of the access' addresses */
export async function openPortForward(access: RelayAccess, address: Endpoint, events: PortForwardEvents): Promise<PortForward> {
  const signal = AbortSignal.timeout(openLimitMs);
  let socket: Socket;
  try {
    socket = await connectServer(access, address, signal);
  } catch (error) {
    throw new RelayError(`${address.host}:${address.port}: ${signal.aborted ? 'no answer' : error instanceof Error ? error.message : String(error)}`);
  }
  const server = new URL(access.server);
  const url = `${server.protocol === 'http:' ? 'ws' : 'wss'}://${server.host}${server.pathname.replace(/\/$/, '')}${access.path}`;
  const websocket = new WebSocket(url, subprotocol, {
    createConnection: () => socket, headers: { authorization: `Bearer ${access.token}` },
    perMessageDeflate: false, skipUTF8Validation: true, maxPayload: messageMaxBytes, handshakeTimeout: openLimitMs,
  });
  const begun = [false, false];
  let answered = true;
  let said = '';
  websocket.on('message', (message: Buffer) => {
    const channel = message[0] ?? 0;
    if (begun[channel] === undefined) return;
    const data = message.subarray(begun[channel] ? 1 : 1 + portBytes);
    begun[channel] = true;
    if (data.length === 0) return;
    if (channel === 0) return events.onData(data);
    // The port is refused, or the pod is gone: nothing will come any more.
    said = data.toString('utf8').trim();
    websocket.terminate();
  });
  websocket.on('pong', () => { answered = true; });
  await new Promise<void>((resolve, reject) => {
    websocket.once('open', resolve);
    websocket.once('unexpected-response', (_, response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => { body += chunk; });
      response.on('end', () => {
        reject(new RelayError(`the API server answers ${response.statusCode}: ${messageOf(body).trim() || response.statusMessage || ''}`, response.statusCode));
        socket.destroy();
      });
    });
    websocket.on('error', (error) => {
      socket.destroy();
      reject(new RelayError(error.message));
    });
  });
  const timer = setInterval(() => {
    if (!answered) return websocket.terminate();
    answered = false;
    websocket.ping();
  }, pingIntervalMs);
  websocket.once('close', (code) => {
    clearInterval(timer);
    socket.destroy();
    events.onEnd(said !== '' ? said : answered ? `the connection ended (${code})` : 'no answer to pings');
  });
  return {
    queued: () => websocket.bufferedAmount,
    send(data) {
      if (websocket.readyState === WebSocket.OPEN) websocket.send(Buffer.concat([Buffer.of(0), data]), () => undefined);
    },
    close: () => websocket.terminate(),
  };
}
