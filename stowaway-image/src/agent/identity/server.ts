/**
 * The agent's HTTP server: identities, each sealed for the one client that may read it, and /healthz. Anybody in the cluster
 * may knock here, so it believes nothing and says little.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { identityPath, type IdentityAnswer, type Identity } from '../../../../protocol/identity.ts';
import { seal } from '../../../../protocol/seal.ts';

const requestTimeoutMs = 5000;
const mostConnections = 100;

export interface IdentityServerOptions {
  port: number;
  /** 'unknown' when this agent has no pod of such a bridge, or its client may not have it; 'not-yet' while the container does not run. */
  lookUp: (namespace: string, bridge: string) => { identity: Identity; publicKey: string } | 'unknown' | 'not-yet';
  /** Why not healthy, in words. */
  ailment: () => string | undefined;
  onError: (error: unknown) => void;
  signal: AbortSignal;
}

/** Resolves when it listens. */
export async function serveIdentities(options: IdentityServerOptions): Promise<{ port: number }> {
  const server = createServer({ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, maxHeaderSize: 8192 }, (request, response) => {
    try {
      answer(request, response, options);
    } catch (error) {
      options.onError(error);
      reply(response, 500, 'the identity could not be read');
    }
  });
  server.maxConnections = mostConnections;
  options.signal.addEventListener('abort', () => { server.close(); server.closeAllConnections(); }, { once: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, () => resolve());
  });
  server.on('error', options.onError);
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : options.port };
}

function answer(request: IncomingMessage, response: ServerResponse, { lookUp, ailment }: IdentityServerOptions): void {
  if (request.method !== 'GET') { reply(response, 405, 'only GET'); return; }
  if (request.url === '/healthz') {
    const reason = ailment();
    reply(response, reason === undefined ? 200 : 503, reason ?? 'ok');
    return;
  }
  const names = /^\/v1\/bridges\/([a-z0-9.-]{1,253})\/([a-z0-9.-]{1,253})\/identity$/.exec(request.url ?? '');
  const [, namespace = '', bridge = ''] = names ?? [];
  if (names === null || request.url !== identityPath(namespace, bridge)) { reply(response, 404, 'not here'); return; }
  const found = lookUp(namespace, bridge);
  if (found === 'unknown') { reply(response, 404, 'not here'); return; }
  if (found === 'not-yet') { reply(response, 503, 'the container does not run yet'); return; }
  const plain: IdentityAnswer = { v: 1, identity: found.identity };
  reply(response, 200, JSON.stringify(seal(found.publicKey, Buffer.from(JSON.stringify(plain)))), 'application/json');
}

function reply(response: ServerResponse, code: number, text: string, type = 'text/plain'): void {
  response.writeHead(code, { 'content-type': type, 'cache-control': 'no-store', connection: 'close' });
  response.end(type === 'text/plain' ? `${text}\n` : text);
}
