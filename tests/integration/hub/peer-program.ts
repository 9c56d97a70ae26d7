/**
 * Runs inside a container of the stowaway image and plays cargo: a WireGuard peer that sends heartbeats, and echoes on TCP port
 * 20001 and UDP port 20002. The test drives it over HTTP on 127.0.0.1. Only node: imports: it is copied there as it is.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';

const run = (file: string, ...args: string[]): string => execFileSync(file, args, { encoding: 'utf8' }).trim();
mkdirSync('/var/run/wireguard', { recursive: true });
spawn('wireguard-go', ['-f', 'wg0'], { stdio: 'ignore', env: { ...process.env, LOG_LEVEL: 'error' } });
while (!existsSync('/var/run/wireguard/wg0.sock')) await new Promise((resolve) => setTimeout(resolve, 5));
writeFileSync('/tmp/key', `${run('wg', 'genkey')}\n`, { mode: 0o600 });
run('wg', 'set', 'wg0', 'private-key', '/tmp/key');

/** Changed by the test. */
const state = { beating: false, ended: [] as unknown[], raw: undefined as string | undefined };
let echoes: unknown[] = [];
let seq = 0;
const heart = createSocket('udp4');
heart.on('message', (datagram) => echoes.push(JSON.parse(datagram.toString())));
heart.on('error', () => undefined);
setInterval(() => {
  if (state.beating) heart.send(JSON.stringify({ v: 1, seq: ++seq, transport: 'docker', ended: state.ended }), 7070, '100.96.0.1', () => undefined);
}, 200);
createTcpServer((socket) => { socket.on('error', () => undefined).pipe(socket); }).listen(20001);
const udp = createSocket('udp4');
udp.on('message', (message, { address, port }) => udp.send(`${message.toString()} from ${address}`, port, address));
udp.bind(20002);

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { link, set } = JSON.parse(Buffer.concat(chunks).toString()) as { link?: { address: string; hubKey: string; endpoint: string; routes: string[] }; set?: Partial<typeof state> };
    if (link !== undefined) {
      // A new peer begins with a new handshake.
      run('wg', 'set', 'wg0', 'peer', link.hubKey, 'remove');
      run('wg', 'set', 'wg0', 'peer', link.hubKey, 'endpoint', link.endpoint, 'allowed-ips', '0.0.0.0/0');
      run('ip', 'address', 'replace', `${link.address}/32`, 'dev', 'wg0');
      run('ip', 'link', 'set', 'dev', 'wg0', 'mtu', '1420', 'up');
      for (const route of link.routes) run('ip', 'route', 'replace', route, 'dev', 'wg0');
    }
    if (set !== undefined) {
      Object.assign(state, set);
      echoes = [];
    }
    response.end(JSON.stringify({ publicKey: run('wg', 'show', 'wg0', 'public-key'), echoes }));
  });
}).listen(7999, '127.0.0.1');
console.log('ready');
