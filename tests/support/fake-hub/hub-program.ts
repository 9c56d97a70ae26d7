/**
 * Runs inside a container of the cargo image and plays the cluster: a WireGuard peer with a hub address, the echo of
 * heartbeats, a cluster DNS, an HTTP service, an agent. Only node: imports, because it is copied into the container as one file.
 * stdout: first `{"publicKey"}`, then one JSON line per heartbeat. /run/forget: echoes call ended bridges gone; /run/sealed: what the agent answers.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { CLIENT_KEY = '', CLIENT_ADDRESS = '', HUB_ADDRESS = '', DNS_ADDRESS = '', MTU = '1420', QUEUE = '500' } = process.env;
const run = (file: string, ...args: string[]): string => execFileSync(file, args, { encoding: 'utf8' }).trim();

// The last run's socket would look like readiness.
rmSync('/var/run/wireguard/wg0.sock', { force: true });
spawn('wireguard-go', ['-f', 'wg0'], { stdio: 'ignore', env: { ...process.env, LOG_LEVEL: 'error' } });
while (!existsSync('/var/run/wireguard/wg0.sock')) await new Promise((resolve) => setTimeout(resolve, 5));
// As the real one: the key outlives a restart.
if (!existsSync('/var/key')) writeFileSync('/var/key', `${run('wg', 'genkey')}\n`, { mode: 0o600 });
run('wg', 'set', 'wg0', 'private-key', '/var/key', 'listen-port', '51820', 'peer', CLIENT_KEY, 'allowed-ips', `${CLIENT_ADDRESS}/32`);
run('ip', 'address', 'add', `${HUB_ADDRESS}/32`, 'dev', 'wg0');
run('ip', 'address', 'add', `${DNS_ADDRESS}/32`, 'dev', 'lo');
run('ip', 'link', 'set', 'dev', 'wg0', 'mtu', MTU, 'txqueuelen', QUEUE, 'up');
run('ip', 'route', 'add', `${CLIENT_ADDRESS}/32`, 'dev', 'wg0', 'src', HUB_ADDRESS);

const heartbeats = createSocket('udp4');
heartbeats.on('message', (datagram, from) => {
  const heartbeat = JSON.parse(datagram.toString()) as { seq: number; ended: unknown[] };
  console.log(JSON.stringify({ ...heartbeat, from: from.address }));
  heartbeats.send(JSON.stringify({ v: 1, seq: heartbeat.seq, gone: existsSync('/run/forget') ? heartbeat.ended : [] }), from.port, from.address);
});
heartbeats.bind(7070, HUB_ADDRESS);

/** Answers `*.cluster.local` with the DNS address, is slow to fail for `slow.*` and refuses all else (RFC 1035 section 4). */
const dns = createSocket('udp4');
dns.on('message', (query, from) => {
  const labels: string[] = [];
  let at = 12;
  while (query[at] !== 0) {
    const length = query[at] ?? 0;
    labels.push(query.subarray(at + 1, at + 1 + length).toString());
    at += length + 1;
  }
  const question = query.subarray(12, at + 5);
  const name = labels.join('.');
  const found = name.endsWith('.cluster.local') && query.readUInt16BE(at + 1) === 1;
  const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, name.endsWith('.cluster.local') ? 0x80 : 0x82, 0, 1, 0, found ? 1 : 0, 0, 0, 0, 0]);
  const answer = found ? Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, ...DNS_ADDRESS.split('.').map(Number)]) : Buffer.alloc(0);
  setTimeout(() => dns.send(Buffer.concat([header, question, answer]), from.port, from.address), name.startsWith('slow.') ? 3000 : 0);
});
dns.bind(53, DNS_ADDRESS);

createServer((request, response) => response.end(`cluster saw ${request.socket.remoteAddress}`)).listen(80, DNS_ADDRESS);
createServer((request, response) => {
  const answer = request.url === '/v1/bridges/shop/api/identity' && existsSync('/run/sealed') ? readFileSync('/run/sealed') : undefined;
  response.writeHead(answer === undefined ? 404 : 200).end(answer ?? 'no such bridge here');
}).listen(7080, HUB_ADDRESS);
console.log(JSON.stringify({ publicKey: run('wg', 'show', 'wg0', 'public-key') }));
process.on('SIGTERM', () => process.exit(0));
