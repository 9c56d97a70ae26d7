/** A connection to the API server as the kubeconfig means it: through its proxy, verified against its name, whatever address it is reached at from here. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls } from 'node:tls';
import type { Endpoint, RelayAccess } from '../../../protocol/control.ts';

const bare = (host: string): string => host.replace(/^\[|\]$/g, '');
const portOf = (url: URL): number => (url.port !== '' ? Number(url.port) : url.protocol === 'https:' ? 443 : 80);

function throughProxy(proxyUrl: string, proxyAt: Endpoint, target: URL, signal: AbortSignal): Promise<Socket> {
  const proxy = new URL(proxyUrl);
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') throw new Error(`proxies of kind ${proxy.protocol} are not supported here: only http and https`);
  const credentials = proxy.username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}` };
  const authority = `${target.hostname}:${portOf(target)}`;
  return new Promise((resolve, reject) => {
    const outgoing = (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
      method: 'CONNECT', host: proxyAt.host, port: proxyAt.port, path: authority, signal, agent: false, headers: { host: authority, ...credentials },
      ...(proxy.protocol === 'https:' && isIP(bare(proxy.hostname)) === 0 ? { servername: proxy.hostname } : {}),
    });
    outgoing.on('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`the proxy ${proxy.hostname} answers ${response.statusCode} ${response.statusMessage ?? ''}`.trim()));
    });
    outgoing.on('response', (response) => {
      response.resume();
      reject(new Error(`the proxy ${proxy.hostname} answers ${response.statusCode} ${response.statusMessage ?? ''}`.trim()));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function directly({ host, port }: Endpoint, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, noDelay: true });
    const abort = (): void => { socket.destroy(new Error('no answer')); };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** @param address one of the access' addresses */
export async function connectServer(access: RelayAccess, address: Endpoint, signal: AbortSignal): Promise<Socket> {
  const server = new URL(access.server);
  const socket = access.proxy === undefined ? await directly(address, signal) : await throughProxy(access.proxy, address, server, signal);
  socket.on('error', () => undefined);
  if (server.protocol === 'http:') return socket;
  const name = access.serverName ?? bare(server.hostname);
  return await new Promise((resolve, reject) => {
    const secure = connectTls({
      socket, ALPNProtocols: ['http/1.1'], rejectUnauthorized: !access.insecure, checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
      ...(isIP(name) === 0 ? { servername: name } : {}), ...(access.certificateAuthority === undefined ? {} : { ca: access.certificateAuthority }),
    });
    const abort = (): void => { secure.destroy(new Error('no answer')); };
    signal.addEventListener('abort', abort, { once: true });
    secure.once('error', (error: Error) => {
      socket.destroy();
      reject(error);
    });
    secure.once('secureConnect', () => {
      signal.removeEventListener('abort', abort);
      resolve(secure);
    });
  });
}
