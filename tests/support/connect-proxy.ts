/** A small HTTP proxy that knows CONNECT and nothing else, as companies have them; it wants a password. */
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface ConnectProxy {
  port: number;
  /** Who asked for what: `CLIENT-ADDRESS host:port`. */
  asked: string[];
  /** Requests without the right password. */
  refused: number;
  close(): Promise<void>;
}

export async function startConnectProxy(user: string, password: string): Promise<ConnectProxy> {
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const sockets = new Set<Socket>();
  const server: Server = createServer((_, response) => response.writeHead(405).end());
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const proxy: ConnectProxy = {
    port: 0, asked: [], refused: 0,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('connect', (request, client: Socket) => {
    if (request.headers['proxy-authorization'] !== wanted) {
      proxy.refused += 1;
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    proxy.asked.push(`${client.remoteAddress?.replace('::ffff:', '') ?? '?'} ${request.url}`);
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    sockets.add(upstream);
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) one.on('error', () => other.destroy()).on('close', () => other.destroy());
  });
  await new Promise<void>((resolve) => { server.listen(0, '0.0.0.0', resolve); });
  proxy.port = (server.address() as AddressInfo).port;
  return proxy;
}
