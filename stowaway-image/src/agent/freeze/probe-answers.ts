/** Answers the kubelet in the place of a frozen process: HAProxy leads its probes here (proxy/config.ts), by sockets in the agent's directory. */
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { rm } from 'node:fs/promises';
import { probeSockets } from '../proxy/config.ts';

/** grpc.health.v1.HealthCheckResponse with status SERVING (1), as one message: not compressed, two bytes long. */
const serving = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);

/** @param directory private to the agent */
export async function answerProbes(directory: string, signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
  const { http, grpc } = probeSockets(directory);
  const plain = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' }).end('frozen by podbridge\n');
  });
  const health = createHttp2Server();
  health.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.resume();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(serving);
  });
  await Promise.all([rm(http, { force: true }), rm(grpc, { force: true })]);
  for (const [server, path] of [[plain, http], [health, grpc]] as const) {
    server.on('error', onError);
    await new Promise<void>((resolve) => { server.listen(path, () => resolve()); });
    signal.addEventListener('abort', () => server.close(), { once: true });
  }
}
