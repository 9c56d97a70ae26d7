/** Hears the clients. Source addresses are authentic: WireGuard lets each peer use only its own. */
import { createSocket } from 'node:dgram';
import type { SessionRef, Heartbeat, HeartbeatEcho } from '../../../protocol/heartbeat.ts';
import { ports } from '../../../protocol/ports.ts';
import { parseHeartbeat } from './heartbeat-message.ts';

export interface HeartbeatServerOptions {
  /** The hub's WireGuard address. */
  address: string;
  /** Which of the ended bridges are gone now. Must not throw. */
  onHeartbeat: (from: string, heartbeat: Heartbeat) => SessionRef[];
  onError: (error: unknown) => void;
  signal: AbortSignal;
  port?: number;
}

/** Resolves when it listens. */
export async function serveHeartbeats({ address, onHeartbeat, onError, signal, port = ports.heartbeat }: HeartbeatServerOptions): Promise<void> {
  const socket = createSocket('udp4');
  signal.addEventListener('abort', () => socket.close(), { once: true });
  socket.on('message', (datagram, { address: from, port: fromPort }) => {
    const heartbeat = parseHeartbeat(datagram);
    if (heartbeat === undefined) return;
    const echo: HeartbeatEcho = { v: 1, seq: heartbeat.seq, gone: onHeartbeat(from, heartbeat) };
    // An echo that cannot be sent is a lost datagram.
    socket.send(JSON.stringify(echo), fromPort, from, () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.off('error', reject);
      socket.on('error', onError);
      resolve();
    });
  });
}
