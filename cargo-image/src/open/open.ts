/**
 * `bridge open`: a small HTTP proxy in a container of the link's network. It adds the mark to every request of one's own browser
 * and passes everything else on, WebSockets too. Published on the loopback of the laptop only.
 */
import { createServer, request as send, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, type Server } from 'node:http';
import { request as sendSecurely } from 'node:https';
import type { Duplex } from 'node:stream';
import { markBaggageKey } from '../../../protocol/rule.ts';

export interface OpenSettings {
  /** The longest path that matches counts. */
  routes: { path: string; match: 'prefix' | 'exact'; host: string; port: number; tls: boolean }[];
  mark?: string;
  headers: [name: string, value: string][];
  /** Host header; absent: what the browser asked for. */
  host?: string;
  /** Of the loopback, where it is published. Only who has asked for it there is answered: another name would be a page of somebody else, whose name leads here. */
  port: number;
  /** Redirects to these names stay here. */
  names: string[];
}

export function serveOpen(settings: OpenSettings): Server {
  const server = createServer((incoming, response) => {
    if (!isOwnHost(incoming.headers.host, settings.port)) return void response.writeHead(misdirected, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`bridge open: only http://127.0.0.1:${settings.port} and http://localhost:${settings.port} are answered here\n`);
    const outgoing = forward(settings, incoming, (error) => {
      if (response.headersSent) return void response.destroy();
      response.writeHead(502, { 'content-type': 'text/plain; charset=utf-8' }).end(`bridge open: the cluster does not answer: ${error.message}\n`);
    });
    if (outgoing === undefined) return void response.writeHead(404).end('bridge open: the entry has nothing here\n');
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, ownResponseHeaders(answer.headers, settings.names));
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!isOwnHost(incoming.headers.host, settings.port)) return void socket.end(`HTTP/1.1 ${misdirected} Misdirected Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    const outgoing = forward(settings, incoming, () => socket.destroy());
    if (outgoing === undefined) return void socket.destroy();
    socket.on('error', () => outgoing.destroy());
    outgoing.on('upgrade', (answer: IncomingMessage, other: Duplex, rest: Buffer) => {
      socket.write(`HTTP/1.1 101 ${answer.statusMessage}\r\n${lines(answer.rawHeaders)}\r\n`);
      socket.write(rest);
      other.write(head);
      socket.pipe(other).pipe(socket);
      for (const [one, twin] of [[socket, other], [other, socket]] as const) one.on('error', () => twin.destroy()).on('close', () => twin.destroy());
    });
    outgoing.on('response', (answer) => {
      socket.write(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n${lines(answer.rawHeaders)}\r\n`);
      answer.pipe(socket);
    });
    outgoing.end();
  });
  // Streams are silent for long.
  server.requestTimeout = 0;
  return server;
}

const misdirected = 421;

function isOwnHost(host: string | undefined, port: number): boolean {
  const names = ['127.0.0.1', 'localhost', '[::1]'];
  // Browsers leave the usual port out.
  return host !== undefined && names.some((name) => host.toLowerCase() === `${name}:${port}` || (port === 80 && host.toLowerCase() === name));
}

function lines(raw: readonly string[]): string {
  return raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}\r\n`] : [])).join('');
}

function forward(settings: OpenSettings, incoming: IncomingMessage, onError: (error: Error) => void) {
  const path = new URL(incoming.url ?? '/', 'http://open').pathname;
  const route = settings.routes.filter((each) => matches(each, path)).sort((a, b) => b.path.length - a.path.length)[0];
  if (route === undefined) return undefined;
  const { host: hostname, port, tls } = route;
  const outgoing = (tls ? sendSecurely : send)({ hostname, port, method: incoming.method, path: incoming.url, headers: requestHeaders(incoming.headers, settings), ...(tls ? { rejectUnauthorized: false } : {}) });
  return outgoing.on('error', onError);
}

function matches({ path, match }: OpenSettings['routes'][number], asked: string): boolean {
  return asked === path || (match === 'prefix' && asked.startsWith(path.endsWith('/') ? path : `${path}/`));
}

/** One member of ours in the baggage, whatever the browser sent. */
export function requestHeaders(headers: IncomingHttpHeaders, { mark, headers: added, host }: Pick<OpenSettings, 'mark' | 'headers' | 'host'>): OutgoingHttpHeaders {
  const others = String(headers['baggage'] ?? '').split(',').map((member) => member.trim()).filter((member) => member !== '' && !member.startsWith(`${markBaggageKey}=`));
  return {
    ...headers, 'x-forwarded-host': headers.host, 'x-forwarded-proto': 'http',
    ...Object.fromEntries(added.map(([name, value]) => [name.toLowerCase(), value])),
    ...(mark === undefined ? {} : { baggage: [...others, `${markBaggageKey}=${mark}`].join(',') }),
    ...(host === undefined ? {} : { host }),
  };
}

/** Redirects and cookies stay on this port. */
export function ownResponseHeaders(headers: IncomingHttpHeaders, names: readonly string[]): OutgoingHttpHeaders {
  const own: OutgoingHttpHeaders = { ...headers };
  if (headers.location !== undefined && URL.canParse(headers.location)) {
    const url = new URL(headers.location);
    if (names.includes(url.hostname)) own['location'] = `${url.pathname}${url.search}${url.hash}`;
  }
  if (headers['set-cookie'] !== undefined) own['set-cookie'] = headers['set-cookie'].map((cookie) => cookie.replaceAll(/;\s*(domain=[^;]*|secure|samesite=none)(?=;|$)/gi, ''));
  return own;
}
