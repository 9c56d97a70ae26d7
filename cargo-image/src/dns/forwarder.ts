/** The containers' DNS server: UDP and TCP port 53 of the network's gateway address. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import type { LinkConfig } from '../../../protocol/control.ts';
import { askTcp, askUdp, createFrameReader, frame } from './ask.ts';
import { createResolver, type Ask } from './resolve.ts';

/** Docker's embedded resolver, which asks the host's. */
const hostResolver = '127.0.0.11';
const dnsPort = 53;
/** Beyond this many open questions new ones are dropped, as a full queue would. */
const inFlightMax = 2000;
const idleConnectionMs = 10_000;

export interface Forwarder {
  /** Nothing happens when it serves just that already. */
  serve(link: LinkConfig): Promise<void>;
  stop(): void;
}

export function createForwarder(onError: (error: Error) => void): Forwarder {
  let udp: Socket | undefined;
  let tcp: Server | undefined;
  let serving: string | undefined;
  let inFlight = 0;

  function stop(): void {
    udp?.close();
    tcp?.close();
    udp = undefined;
    tcp = undefined;
    serving = undefined;
  }

  return {
    async serve(link) {
      const wanted = JSON.stringify([link.dns, link.network.address]);
      if (serving === wanted) return;
      stop();
      const resolver = createResolver({ domain: link.dns.domain });
      const servers = { cluster: link.dns.server, host: hostResolver };
      const answer = async (query: Buffer, ask: Ask, reply: (answer: Buffer) => void): Promise<void> => {
        if (query.length < 12 || inFlight >= inFlightMax) return;
        inFlight += 1;
        await resolver.resolve(query, ask).then(reply, onError).finally(() => { inFlight -= 1; });
      };

      const openedUdp = createSocket('udp4');
      udp = openedUdp;
      openedUdp.on('error', onError);
      openedUdp.on('message', (query, from) => {
        void answer(query, (upstream, message) => askUdp(servers[upstream], message), (message) => {
          if (udp === openedUdp) openedUdp.send(message, from.port, from.address, () => undefined);
        });
      });
      await new Promise<void>((resolve) => openedUdp.bind({ address: link.network.address, port: dnsPort }, resolve));

      const openedTcp = createServer((socket) => {
        const read = createFrameReader((query) => {
          void answer(query, (upstream, message) => askTcp(servers[upstream], message), (message) => {
            if (socket.writable) socket.write(frame(message));
          });
        });
        socket.setTimeout(idleConnectionMs, () => socket.destroy());
        socket.on('data', read);
        socket.on('error', () => undefined);
      });
      tcp = openedTcp;
      openedTcp.on('error', onError);
      await new Promise<void>((resolve) => openedTcp.listen({ host: link.network.address, port: dnsPort }, resolve));
      serving = wanted;
    },
    stop,
  };
}
