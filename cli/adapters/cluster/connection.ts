/** HTTP to the API server: credentials from the kubeconfig, kept-alive connections, errors converted. client-node does the kubeconfig; its generated API is not loaded. */
import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { apiGroup } from '../../../protocol/names.ts';
import { isBridgeError } from '../../errors.ts';
import { timing } from '../../timing.ts';
import type { ContextInfo, Credentials } from './cluster.ts';
import { credentialError, errorFromNetwork, errorFromStatus, lacksPodbridge, mayLackPodbridge, type Asked, type Status } from './errors.ts';
import type { LoadedConfig } from './kubeconfig.ts';

export interface Request {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
  asked: Asked;
  /** Set for text answers (logs). */
  accept?: string;
}

interface Options extends https.RequestOptions {
  headers: Record<string, string>;
}

function parseStatus(text: string): Status {
  try {
    return JSON.parse(text) as Status;
  } catch {
    return { message: text.trim() || undefined };
  }
}

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export class Connection {
  readonly context: ContextInfo;
  readonly #load: () => LoadedConfig;
  #config: LoadedConfig['config'];
  #agent: http.Agent | undefined;
  /** Of credentials that were renewed: other requests may still be under way over them. */
  readonly #former = new Set<http.Agent>();

  constructor(load: () => LoadedConfig) {
    const loaded = load();
    this.#load = load;
    this.#config = loaded.config;
    this.context = loaded.context;
  }

  async #authenticated(): Promise<Options> {
    const options: Options = { headers: {} };
    try {
      await this.#config.applyToHTTPSOptions(options);
    } catch (error) {
      throw credentialError(error, this.context);
    }
    // client-node's agent keeps nothing alive; a proxy agent of its is needed as it is.
    if (this.#agent === undefined) {
      const plain = this.context.server.startsWith('http:') ? http : https;
      const proxied = this.#config.getCurrentCluster()?.proxyUrl !== undefined;
      const { ca, cert, key, servername, rejectUnauthorized } = options;
      this.#agent = proxied ? (options.agent as http.Agent) : new plain.Agent({ keepAlive: true, keepAliveMsecs: timing.apiKeepAliveDelayMs, ca, cert, key, servername, rejectUnauthorized });
    }
    options.agent = this.#agent;
    return options;
  }

  async credentials(): Promise<Credentials> {
    const { headers, ca, cert, key, servername, rejectUnauthorized, auth } = await this.#authenticated();
    return {
      server: this.context.server,
      headers: auth === null || auth === undefined ? headers : { ...headers, Authorization: `Basic ${Buffer.from(auth).toString('base64')}` },
      ca: ca as string | Buffer | undefined, cert: cert as string | Buffer | undefined, key: key as string | Buffer | undefined, servername, rejectUnauthorized,
    };
  }

  /** Sends once; resolves with the response whatever its status. */
  async #send(request: Request, signal: AbortSignal | undefined, timeoutMs: number | undefined): Promise<http.IncomingMessage> {
    const options = await this.#authenticated();
    const url = new URL(this.context.server.replace(/\/$/, '') + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) if (value !== undefined) url.searchParams.set(name, value);
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    return new Promise((resolve, reject) => {
      const outgoing = (url.protocol === 'http:' ? http : https).request(url, {
        ...options, method: request.method, signal,
        headers: {
          ...options.headers, Accept: request.accept ?? 'application/json', 'User-Agent': 'podbridge',
          ...(body === undefined ? {} : { 'Content-Type': request.contentType ?? 'application/json', 'Content-Length': String(body.length) }),
        },
      }, resolve);
      const timedOut = () => outgoing.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
      const connectTimer = setTimeout(timedOut, timing.apiConnectTimeoutMs);
      const answerTimer = timeoutMs === undefined ? undefined : setTimeout(timedOut, timeoutMs);
      outgoing.on('socket', (socket) => {
        if (!socket.connecting) return clearTimeout(connectTimer);
        socket.once(url.protocol === 'http:' ? 'connect' : 'secureConnect', () => clearTimeout(connectTimer));
      });
      outgoing.once('response', (response: http.IncomingMessage) => {
        clearTimeout(connectTimer);
        response.once('close', () => clearTimeout(answerTimer));
      });
      outgoing.once('error', (error) => {
        clearTimeout(connectTimer);
        clearTimeout(answerTimer);
        reject(error);
      });
      outgoing.end(body);
    });
  }

  async #failure(response: http.IncomingMessage, asked: Asked): Promise<Error> {
    const [code, status] = [response.statusCode ?? 0, parseStatus(await readText(response))];
    if (mayLackPodbridge(code, status, asked) && await this.#lacks(apiGroup)) return lacksPodbridge(asked, this.context);
    return errorFromStatus(code, status, asked, this.context);
  }

  /** The API server says that it has no such group; everybody who has credentials may ask (system:discovery). */
  async #lacks(group: string): Promise<boolean> {
    try {
      const response = await this.#send({ method: 'GET', path: `/apis/${group}`, asked: { verb: 'get' } }, undefined, timing.apiRequestTimeoutMs);
      response.resume();
      return response.statusCode === 404;
    } catch {
      return false;
    }
  }

  /** Idempotent requests are repeated after 429, 503 and broken connections; a 401 once, with fresh credentials. */
  async text(request: Request): Promise<string> {
    let renewed = false;
    for (let attempt = 0; ; attempt++) {
      let response: http.IncomingMessage;
      const used = this.#config;
      try {
        response = await this.#send(request, undefined, timing.apiRequestTimeoutMs);
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) return await readText(response);
      } catch (error) {
        if (isBridgeError(error)) throw error;
        const cut = ['ECONNRESET', 'EPIPE'].includes((error as { code?: string }).code ?? '');
        if (cut && request.method !== 'POST' && attempt < timing.apiRetries) continue;
        throw errorFromNetwork(error, this.context);
      }
      const status = response.statusCode ?? 0;
      if (status === 401 && !renewed) {
        renewed = true;
        response.resume();
        // Of several that are refused at once the first has renewed them.
        if (used === this.#config) this.#renew();
        continue;
      }
      if ((status === 429 || (status === 503 && request.method !== 'POST')) && attempt < timing.apiRetries) {
        response.resume();
        const seconds = Number(response.headers['retry-after']);
        await delay(Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : timing.apiRetryDelayMs * 2 ** attempt);
        continue;
      }
      throw await this.#failure(response, request.asked);
    }
  }

  async json<T>(request: Request): Promise<T> {
    return JSON.parse(await this.text(request)) as T;
  }

  /** Lines of a watch as they come. Ends when the server ends it; throws converted errors. */
  async *lines(request: Request, signal: AbortSignal): AsyncGenerator<string> {
    let response: http.IncomingMessage;
    try {
      response = await this.#send(request, signal, undefined);
    } catch (error) {
      if (isBridgeError(error)) throw error;
      throw errorFromNetwork(error, this.context);
    }
    if ((response.statusCode ?? 0) !== 200) {
      if (response.statusCode === 401) this.#renew();
      throw await this.#failure(response, request.asked);
    }
    let rest = '';
    response.setEncoding('utf8');
    try {
      for await (const chunk of response) {
        const parts = (rest + (chunk as string)).split('\n');
        rest = parts.pop() ?? '';
        for (const line of parts) if (line !== '') yield line;
      }
    } catch (error) {
      if (!signal.aborted) throw errorFromNetwork(error, this.context);
    } finally {
      response.destroy();
    }
  }

  /** Fresh credentials: files are read and plugins run again. */
  #renew(): void {
    this.#config = this.#load().config;
    if (this.#agent !== undefined) this.#former.add(this.#agent);
    this.#agent = undefined;
  }

  close(): void {
    for (const agent of this.#former) agent.destroy();
    this.#agent?.destroy();
  }
}
