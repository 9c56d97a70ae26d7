/**
 * The agent's HTTP server: identities, counters and the way to files, each sealed for the one client that may read it. Anybody in the cluster
 * may knock here, so it believes nothing and says little.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { countersPath, type BridgeCounters, type CountersAnswer } from '../../../../protocol/counters.ts';
import { filesPath, type FilesElsewhere, type FilesTicket } from '../../../../protocol/files.ts';
import { identityPath, type IdentityAnswer, type Identity } from '../../../../protocol/identity.ts';
import { rulesCheckPath, type PodRulesCheck, type RulesCheckAnswer } from '../../../../protocol/rules-check.ts';
import type { TapAnswer } from '../../../../protocol/tap.ts';
import { seal } from '../../../../protocol/seal.ts';
import { keepRoom } from '../../keep-room.ts';

const requestTimeoutMs = 5000;
const mostConnections = 100;

export interface IdentityServerOptions {
  port: number;
  /** 'unknown' when this agent has no pod of such a bridge, or its client may not have it; 'not-yet' while the container does not run. */
  lookUp: (namespace: string, bridge: string) => { identity: Identity; publicKey: string } | 'unknown' | 'not-yet';
  /** As lookUp. */
  files: (namespace: string, bridge: string) => Promise<{ ticket: FilesTicket | FilesElsewhere; publicKey: string } | 'unknown' | 'not-yet'>;
  /** Undefined when this agent has no pod of such a bridge, or its client may not know. */
  counters: (namespace: string, bridge: string) => Promise<{ epoch: string; counters: BridgeCounters; publicKey: string } | undefined>;
  /** As for counters. */
  rules: (namespace: string, bridge: string) => Promise<{ pods: PodRulesCheck[]; publicKey: string } | undefined>;
  /** Requests that a bridge of mode tap asked for, behind number `after`. Undefined as for counters. */
  tapped: (namespace: string, bridge: string, after: number) => Promise<{ answer: TapAnswer; publicKey: string } | undefined>;
  onError: (error: unknown) => void;
  signal: AbortSignal;
}

/** Resolves when it listens. */
export async function serveIdentities(options: IdentityServerOptions): Promise<{ port: number }> {
  const server = createServer({ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, maxHeaderSize: 8192 }, (request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      options.onError(error);
      reply(response, 500, 'it could not be read');
    });
  });
  keepRoom(server, { connections: mostConnections });
  options.signal.addEventListener('abort', () => { server.close(); server.closeAllConnections(); }, { once: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, () => resolve());
  });
  server.on('error', options.onError);
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : options.port };
}

async function answer(request: IncomingMessage, response: ServerResponse, { lookUp, files, counters, rules, tapped }: IdentityServerOptions): Promise<void> {
  if (request.method !== 'GET') { reply(response, 405, 'only GET'); return; }
  const names = /^\/v1\/bridges\/([a-z0-9.-]{1,253})\/([a-z0-9.-]{1,253})\/(?:identity|files|counters|rules)$/.exec(request.url ?? '');
  const [, namespace = '', bridge = ''] = names ?? [];
  if (names !== null && request.url === countersPath(namespace, bridge)) {
    const known = await counters(namespace, bridge);
    if (known === undefined) { reply(response, 404, 'not here'); return; }
    const told: CountersAnswer = { v: 1, epoch: known.epoch, counters: known.counters };
    reply(response, 200, JSON.stringify(seal(known.publicKey, Buffer.from(JSON.stringify(told)))), 'application/json');
    return;
  }
  if (names !== null && request.url === rulesCheckPath(namespace, bridge)) {
    const known = await rules(namespace, bridge);
    if (known === undefined) { reply(response, 404, 'not here'); return; }
    const told: RulesCheckAnswer = { v: 1, pods: known.pods };
    reply(response, 200, JSON.stringify(seal(known.publicKey, Buffer.from(JSON.stringify(told)))), 'application/json');
    return;
  }
  if (names !== null && request.url === filesPath(namespace, bridge)) {
    const way = await files(namespace, bridge);
    if (way === 'unknown') { reply(response, 404, 'not here'); return; }
    if (way === 'not-yet') { reply(response, 503, 'the container does not run yet'); return; }
    reply(response, 200, JSON.stringify(seal(way.publicKey, Buffer.from(JSON.stringify(way.ticket)))), 'application/json');
    return;
  }
  const tap = /^\/v1\/bridges\/([a-z0-9.-]{1,253})\/([a-z0-9.-]{1,253})\/tap\?after=(\d{1,15})$/.exec(request.url ?? '');
  if (tap !== null) {
    const known = await tapped(tap[1] ?? '', tap[2] ?? '', Number(tap[3]));
    if (known === undefined) { reply(response, 404, 'not here'); return; }
    reply(response, 200, JSON.stringify(seal(known.publicKey, Buffer.from(JSON.stringify(known.answer)))), 'application/json');
    return;
  }
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
