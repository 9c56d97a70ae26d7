/** /healthz for the kubelet. */
import { createServer } from 'node:http';
import { ports } from '../../protocol/ports.ts';
import { keepRoom } from './keep-room.ts';

/** Of one kubelet's probes there are two; agents ask the hub once a second. */
const room = { connections: 500, perAddress: 16 };
const requestTimeoutMs = 5000;

export interface HealthOptions {
  /** Why not, in words; undefined when all is well. */
  ailment: () => string | undefined;
  signal: AbortSignal;
  port?: number;
}

/** Listens on all addresses of the pod, because that is where the kubelet asks. Resolves when it does, to the port. */
export async function serveHealth({ ailment, signal, port = ports.health }: HealthOptions): Promise<{ port: number }> {
  const server = createServer({ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, maxHeaderSize: 8192 }, (request, response) => {
    const reason = request.url === '/healthz' ? ailment() : 'only /healthz is here';
    response.writeHead(reason === undefined ? 200 : request.url === '/healthz' ? 503 : 404, { 'content-type': 'text/plain', connection: 'close' });
    response.end(`${reason ?? 'ok'}\n`);
  });
  keepRoom(server, room);
  signal.addEventListener('abort', () => server.close(), { once: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve());
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : port };
}
