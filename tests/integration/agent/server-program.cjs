// What stands in a "pod" and in the local container: HTTP/1.1, h2c, an echo over TCP and a server that speaks first.
// argv: name, then port=kind pairs.
const [, , name, ...pairs] = process.argv;
const kinds = {
  http: () => require('node:http').createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const answer = () => response.end(`${name} ${request.socket.remoteAddress.replace('::ffff:', '')} ${request.url} ${request.socket.remotePort}\n`);
    const wait = Number(/^\/wait\/(\d+)/.exec(request.url)?.[1] ?? 0);
    if (wait > 0) setTimeout(answer, wait);
    else answer();
  }),
  h2c: () => require('node:http2').createServer((request, response) => response.end(`${name} ${request.socket.remoteAddress}\n`)),
  tcp: () => require('node:net').createServer((socket) => socket.on('error', () => {}).on('data', (data) => socket.write(`${name} ${data}`))),
  banner: () => require('node:net').createServer((socket) => socket.on('error', () => {}).write(`220 ${name}\r\n`)),
};
for (const pair of pairs) {
  const [port, kind] = pair.split('=');
  kinds[kind]().listen({ port: Number(port), backlog: 4096 });
}
process.on('SIGTERM', () => process.exit(0));
