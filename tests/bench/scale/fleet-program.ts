/**
 * Many laptops in one container of cargo's image: each a WireGuard device of its own with its key, heartbeats once a second, and an HTTP
 * server for each of its bridges that says its name. Driven over HTTP on port 7999. Only node: imports: it is copied there as it is.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

interface LinkOrder { index: number; address: string; hubKey: string; hubAddress: string; endpoint: string }
interface ServeOrder { address: string; port: number; name: string }

/** Routing tables of devices begin here; the kernel's own are below. */
const firstTable = 1000;
const heartbeatMs = 1000;
const run = (file: string, ...args: string[]): string => execFileSync(file, args, { encoding: 'utf8' }).trim();
const links = new Map<number, { order: LinkOrder; echoes: number; linkedAt: number; firstEchoMs?: number }>();

async function key(index: number): Promise<string> {
  const device = `f${index}`;
  const socket = `/var/run/wireguard/${device}.sock`;
  spawn('wireguard-go', ['-f', device], { stdio: 'ignore', env: { ...process.env, LOG_LEVEL: 'error', GOGC: '20', GOMEMLIMIT: '16MiB', GOMAXPROCS: '1' } });
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 5));
  const file = `/tmp/key-${index}`;
  writeFileSync(file, `${run('wg', 'genkey')}\n`, { mode: 0o600 });
  run('wg', 'set', device, 'private-key', file);
  rmSync(file);
  return run('wg', 'show', device, 'public-key');
}

function link(order: LinkOrder): void {
  const { index, address, hubKey, hubAddress, endpoint } = order;
  const device = `f${index}`;
  run('wg', 'set', device, 'peer', hubKey, 'endpoint', endpoint, 'allowed-ips', '0.0.0.0/0', 'persistent-keepalive', '25');
  run('ip', 'address', 'replace', `${address}/32`, 'dev', device);
  run('ip', 'link', 'set', 'dev', device, 'mtu', '1420', 'up');
  // What comes from this address leaves by its own tunnel.
  run('ip', 'route', 'replace', 'default', 'dev', device, 'table', String(firstTable + index));
  run('ip', 'rule', 'add', 'from', address, 'lookup', String(firstTable + index));
  const state: { order: LinkOrder; echoes: number; linkedAt: number; firstEchoMs?: number } = { order, echoes: 0, linkedAt: Date.now() };
  links.set(index, state);
  const socket = createSocket('udp4');
  let seq = 0;
  socket.on('error', () => undefined);
  socket.on('message', () => { state.echoes += 1; state.firstEchoMs ??= Date.now() - state.linkedAt; });
  socket.bind({ address, port: 0 }, () => {
    const beat = (): void => {
      seq += 1;
      socket.send(JSON.stringify({ v: 1, seq, transport: 'docker', ended: [] }), 7070, hubAddress, () => undefined);
      setTimeout(beat, state.echoes === 0 ? 100 : heartbeatMs);
    };
    beat();
  });
}

function serve({ address, port, name }: ServeOrder): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ who: name })));
    server.on('error', reject);
    server.listen(port, address, () => resolve());
  });
}

mkdirSync('/var/run/wireguard', { recursive: true });
createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    void (async () => {
      try {
        const order = JSON.parse(Buffer.concat(chunks).toString() || '{}') as { keys?: number[]; link?: LinkOrder[]; serve?: ServeOrder[] };
        const keys: Record<number, string> = {};
        for (const index of order.keys ?? []) keys[index] = await key(index);
        for (const each of order.link ?? []) link(each);
        for (const each of order.serve ?? []) await serve(each);
        response.end(JSON.stringify({ keys, links: [...links.values()].map(({ order: { index }, echoes, firstEchoMs }) => ({ index, echoes, firstEchoMs: firstEchoMs ?? null })) }));
      } catch (error) {
        response.writeHead(500).end(String(error));
      }
    })();
  });
}).listen(7999, () => console.log('ready'));
