/**
 * The hub's end of links over the API server: a port of the pod's loopback, which only port-forwards reach, turns a stream of
 * framed datagrams into WireGuard's own. It authenticates nobody, because WireGuard does: whoever gets here can say to the
 * WireGuard port what anybody can say to it over UDP, and nothing else.
 */
import { createSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { Deframer, frame, relayQueueBytes } from '../../../protocol/datagram-stream.ts';
import { ports } from '../../../protocol/ports.ts';

const loopback = '127.0.0.1';
/** More than a hub has clients; the memory of one is about 50 kB. */
const mostConnections = 1000;
/** A client sends a heartbeat each second. Longer silence is a connection whose other end is gone without a word. */
const silenceMs = 60_000;
/** Bytes for one receive buffer: a burst of a TCP window. */
const receiveBufferBytes = 2 * 1024 * 1024;

export interface RelayOptions {
  signal: AbortSignal;
  onError: (error: unknown) => void;
  port?: number;
  wireguardPort?: number;
}

function serve(stream: Socket, wireguardPort: number): void {
  // To WireGuard every connection is a peer's address of its own.
  const datagrams = createSocket('udp4');
  const deframer = new Deframer();
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    stream.destroy();
    datagrams.close();
  };
  stream.setNoDelay(true);
  stream.setTimeout(silenceMs, end);
  stream.on('error', end);
  stream.on('close', end);
  stream.on('end', end);
  datagrams.on('error', end);
  datagrams.bind(0, loopback, () => {
    if (over) return;
    datagrams.setRecvBufferSize(receiveBufferBytes);
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const datagram of deframer.push(chunk)) datagrams.send(datagram, wireguardPort, loopback, () => undefined);
      } catch {
        end();
      }
    });
  });
  datagrams.on('message', (datagram, from) => {
    if (over || from.port !== wireguardPort || stream.writableLength > relayQueueBytes) return;
    stream.write(frame(datagram));
  });
}

/** Resolves when it listens. */
export async function serveRelay({ signal, onError, port = ports.relay, wireguardPort = ports.wireguard }: RelayOptions): Promise<Server> {
  const connections = new Set<Socket>();
  const server = createServer((stream) => {
    connections.add(stream);
    stream.on('close', () => connections.delete(stream));
    serve(stream, wireguardPort);
  });
  server.maxConnections = mostConnections;
  signal.addEventListener('abort', () => {
    server.close();
    for (const stream of connections) stream.destroy();
  }, { once: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, loopback, () => {
      server.off('error', reject);
      server.on('error', onError);
      resolve();
    });
  });
  return server;
}
