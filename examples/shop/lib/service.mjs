// What the three services have in common: routes, JSON, and an end that finishes open requests.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

/** An error that is answered with its status instead of 500. */
export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Serves `routes` ({ 'GET /path': async (request) => object | string }) on PORT (8080). Objects are answered as JSON, strings as HTML.
 */
export function serve(name, routes) {
  const port = Number(process.env.PORT ?? 8080);
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://shop');
    try {
      const route = pathname === '/healthz' ? () => ({ ok: true }) : routes[`${request.method} ${pathname}`];
      if (route === undefined) throw new HttpError(404, `${name} has no ${request.method} ${pathname}`);
      const body = await route(request);
      const [type, text] = typeof body === 'string' ? ['text/html; charset=utf-8', body] : ['application/json', JSON.stringify(body)];
      response.writeHead(200, { 'content-type': type }).end(text);
    } catch (error) {
      if (!(error instanceof HttpError)) console.error(error);
      response.writeHead(error.status ?? 500, { 'content-type': 'application/json' }).end(JSON.stringify({ error: error.message }));
    }
  });
  server.listen(port, () => console.log(`${name} listens on port ${port}`));
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
    });
  }
}

/** Who answers: a pod says its own name, a container on a laptop that of its container. */
export function self(service, edition) {
  return { service, edition, host: hostname() };
}

/** Asks another service and returns its JSON. */
export async function ask(url, options = {}) {
  const response = await fetch(url, { ...options, signal: AbortSignal.timeout(5000) });
  const body = await response.json();
  if (!response.ok) throw new HttpError(502, `${url}: ${response.status} ${body.error ?? ''}`);
  return body;
}

export async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new HttpError(400, 'the body is no JSON');
  }
}
