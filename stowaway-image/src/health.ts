/** /healthz for the kubelet. */
import { createServer } from 'node:http';
import { ports } from '../../protocol/ports.ts';

export interface HealthOptions {
  /** Why not, in words; undefined when all is well. */
  ailment: () => string | undefined;
  signal: AbortSignal;
  port?: number;
}

/** Listens on all addresses of the pod, because that is where the kubelet asks. Resolves when it does. */
export async function serveHealth({ ailment, signal, port = ports.health }: HealthOptions): Promise<void> {
  const server = createServer((request, response) => {
    const reason = request.url === '/healthz' ? ailment() : 'only /healthz is here';
    response.writeHead(reason === undefined ? 200 : request.url === '/healthz' ? 503 : 404, { 'content-type': 'text/plain', connection: 'close' });
    response.end(`${reason ?? 'ok'}\n`);
  });
  signal.addEventListener('abort', () => server.close(), { once: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve());
  });
}
