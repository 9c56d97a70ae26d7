/** In a container of the stowaway image: HAProxy and all it speaks to. Asks both bridges until places of the one that drips have become free, and tells in JSON. */
const { spawn } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const http = require('node:http');

const [, , lua, config] = process.argv;
const limitMs = 40_000;
/** More than can be under way at once. */
const mostDripped = 65;
let dripped = 0, open = 0, most = 0, quick = 0, asked = 0;
const statuses = new Set();

const serve = (port, answer) => http.createServer((request, response) => { request.resume(); answer(response); }).listen(port, '127.0.0.1');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const get = (port) => new Promise((resolve) => {
  http.get({ host: '127.0.0.1', port, agent: false }, (response) => response.resume().on('end', () => resolve(response.statusCode))).on('error', (error) => resolve(error.code));
});

serve(7100, (response) => response.end('original'));
serve(7101, (response) => {
  dripped += 1;
  open += 1;
  most = Math.max(most, open);
  response.writeHead(200);
  const drip = setInterval(() => response.write('x'), 200);
  response.on('close', () => { clearInterval(drip); open -= 1; });
});
serve(7102, (response) => { quick += 1; response.end('copied'); });

async function main() {
  writeFileSync('/tmp/mirror.lua', lua);
  writeFileSync('/tmp/haproxy.cfg', config);
  const proxy = spawn('haproxy', ['-f', '/tmp/haproxy.cfg', '-db'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const end = Date.now() + limitMs;
  while (await get(7002) !== 200 && Date.now() < end) await pause(50);
  asked = 1;
  while (dripped < mostDripped && Date.now() < end) {
    for (let i = 0; i < 50; i++) {
      statuses.add(await get(7001));
      statuses.add(await get(7002));
      asked += 1;
    }
    await pause(100);
  }
  while (quick < asked && Date.now() < end) await pause(50);
  console.log(JSON.stringify({ asked, statuses: [...statuses], quick, most, dripped }));
  proxy.kill('SIGKILL');
  process.exit();
}

void main();
