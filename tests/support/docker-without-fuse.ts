/**
 * A Docker socket in front of this machine's own, for a Docker host that has no /dev/fuse: the device is asked for under a path that
 * is not there, and the daemon itself refuses. Everything else passes as it is.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DockerSocket {
  /** For DOCKER_HOST. */
  host: string;
  /** So often /dev/fuse was asked for. */
  asked(): number;
  close(): Promise<void>;
}

const own = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}

export async function dockerWithoutFuse(): Promise<DockerSocket> {
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-docker-'));
  const path = join(folder, 'docker.sock');
  const sockets = new Set<Socket>();
  let asked = 0;
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const upstream = request({ socketPath: own, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    if (method !== 'POST' || !/\/containers\/create\b/.test(url ?? '')) return void incoming.pipe(upstream);
    void bodyOf(incoming).then((text) => {
      const replaced = text.replace(/"PathOnHost":"\/dev\/fuse"/g, () => { asked += 1; return '"PathOnHost":"/dev/fuse-of-another-host"'; });
      upstream.setHeader('content-length', Buffer.byteLength(replaced));
      upstream.end(replaced);
    });
  });
  // Streams of attach and exec.
  server.on('upgrade', ({ method, url, rawHeaders }: IncomingMessage, client: Socket, head: Buffer) => {
    const lines = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : []));
    const upstream = connect({ path: own, allowHalfOpen: true }, () => {
      upstream.write(`${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    host: `unix://${path}`, asked: () => asked,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
