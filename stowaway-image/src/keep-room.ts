/** Connections that are held open for nothing must not keep others out. */
import type { Server } from 'node:net';

export interface Room {
  /** In all. */
  connections: number;
  /** From one address. Default: as many as in all. */
  perAddress?: number;
}

/** A connection beyond these ends the oldest one: whoever asks has an answer in a moment, and who only holds on is the oldest sooner or later. */
export function keepRoom(server: Server, { connections, perAddress = connections }: Room): void {
  /** In the order in which they came. */
  const open = new Map<object, { address: string | undefined; end: () => void }>();
  server.on('connection', (socket) => {
    const address = socket.remoteAddress;
    const sameAddress = [...open.values()].filter((other) => other.address === address);
    if (sameAddress.length >= perAddress) sameAddress[0]?.end();
    else if (open.size >= connections) open.values().next().value?.end();
    const forget = (): void => { open.delete(socket); };
    open.set(socket, { address, end: () => { forget(); socket.destroy(); } });
    socket.once('close', forget);
  });
}
