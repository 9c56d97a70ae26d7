/**
 * The Kubernetes REST API over HTTPS, as small as our programs need it: an official client library would cost each of them
 * about 60 MB of memory.
 */
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { KubeConnection } from './connection.ts';
import { fromSocket, fromStatus, isNotFound, KubeError, type KubeStatus } from './error.ts';
import type { ApplyOptions, DeleteOptions, Kube, KubeObject, ObjectList, WatchEvent } from './kube.ts';
import { eachLine } from './lines.ts';
import { collectionPath, objectPath, type ObjectRef, type Resource, type Selection } from './resource.ts';

/** An answer that takes longer than this is not coming. */
const requestTimeoutMs = 20_000;
/** The server ends a watch after this long, so that a silently dead one is not trusted for ever; spread so that watches do not end together. */
const watchTimeoutSeconds = { least: 240, most: 480 };
/** The server sends a bookmark about once a minute; a watch that is silent for longer is dead. */
const watchSilenceMs = 130_000;
/** Requests at a time: a change of everything must not become hundreds of connections. */
const maxRequests = 8;
/** Objects per page of a list: bounds the memory of one answer. */
const pageSize = 250;

interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
}

export interface HttpKubeOptions {
  /** Shown to the API server's audit log. */
  userAgent: string;
  /** Instead of {@link requestTimeoutMs} and {@link watchSilenceMs}. */
  timeouts?: { requestMs: number; watchSilenceMs: number };
}

export class HttpKube implements Kube {
  readonly #connection: KubeConnection;
  readonly #agent: Agent;
  readonly #watchAgent: Agent;
  readonly #userAgent: string;
  readonly #timeouts: NonNullable<HttpKubeOptions['timeouts']>;

  constructor(connection: KubeConnection, options: HttpKubeOptions) {
    this.#connection = connection;
    this.#userAgent = options.userAgent;
    this.#timeouts = options.timeouts ?? { requestMs: requestTimeoutMs, watchSilenceMs };
    const tls = { keepAlive: true, keepAliveMsecs: 15_000, ca: connection.ca, cert: connection.cert, key: connection.key };
    this.#agent = new Agent({ ...tls, maxSockets: maxRequests });
    // Watches hold their connection for minutes; they must not wait for each other.
    this.#watchAgent = new Agent(tls);
  }

  async get<T extends KubeObject>(resource: Resource, ref: ObjectRef, subresource?: 'scale'): Promise<T> {
    return await this.#json<T>({ method: 'GET', path: objectPath(resource, ref, subresource) });
  }

  async list<T extends KubeObject>(resource: Resource, selection: Selection = {}): Promise<ObjectList<T>> {
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const page = await this.#json<{ items: T[]; metadata: { resourceVersion: string; continue?: string } }>({
        method: 'GET',
        path: collectionPath(resource, selection.namespace),
        query: { labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector, limit: String(pageSize), continue: next },
      });
      items.push(...page.items);
      next = page.metadata.continue;
      if (next === undefined || next === '') return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  async create<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    return await this.#json<T>({ method: 'POST', path: collectionPath(resource, object.metadata.namespace), body: { apiVersion: resource.apiVersion, kind: resource.kind, ...object } });
  }

  async replace<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    return await this.#json<T>({ method: 'PUT', path: objectPath(resource, object.metadata), body: { apiVersion: resource.apiVersion, kind: resource.kind, ...object } });
  }

  async mergePatch<T extends KubeObject>(resource: Resource, ref: ObjectRef, patch: unknown, subresource?: 'status'): Promise<T> {
    return await this.#json<T>({ method: 'PATCH', path: objectPath(resource, ref, subresource), body: patch, contentType: 'application/merge-patch+json' });
  }

  async apply<T extends KubeObject>(resource: Resource, object: KubeObject & Record<string, unknown>, options: ApplyOptions): Promise<T> {
    return await this.#json<T>({
      method: 'PATCH',
      path: objectPath(resource, object.metadata, options.subresource),
      query: { fieldManager: options.manager, force: 'true' },
      body: { ...object, apiVersion: resource.apiVersion, kind: resource.kind },
      contentType: 'application/apply-patch+yaml',
    });
  }

  async delete(resource: Resource, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const preconditions = options.uid === undefined ? {} : { preconditions: { uid: options.uid } };
    const grace = options.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: options.gracePeriodSeconds };
    try {
      await this.#json({ method: 'DELETE', path: objectPath(resource, ref), body: { apiVersion: 'v1', kind: 'DeleteOptions', ...preconditions, ...grace } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async watch<T extends KubeObject>(resource: Resource, selection: Selection & { resourceVersion: string }, onEvent: (event: WatchEvent<T>) => void, signal: AbortSignal): Promise<void> {
    const { least, most } = watchTimeoutSeconds;
    const call: Call = {
      method: 'GET',
      path: collectionPath(resource, selection.namespace),
      query: {
        watch: 'true', allowWatchBookmarks: 'true', resourceVersion: selection.resourceVersion,
        labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector,
        timeoutSeconds: String(Math.round(least + Math.random() * (most - least))),
      },
    };
    const what = describe(call);
    const response = await this.#send(call, this.#timeouts.watchSilenceMs, signal);
    if (response.statusCode !== 200) throw await refusal(what, response);
    try {
      await eachLine(response, (line) => {
        const event = JSON.parse(line) as WatchEvent<T> | { type: 'ERROR'; object: KubeStatus };
        if (event.type === 'ERROR') throw fromStatus(what, event.object, 500);
        onEvent(event);
      });
    } catch (error) {
      response.destroy();
      throw fromSocket(what, error);
    }
  }

  async #json<T>(call: Call): Promise<T> {
    const response = await this.#send(call, this.#timeouts.requestMs);
    const text = await body(describe(call), response);
    if ((response.statusCode ?? 0) >= 300) throw parseRefusal(describe(call), response, text);
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new KubeError(response.statusCode ?? 0, 'InvalidAnswer', `${describe(call)}: the API server's answer is no JSON`, { cause: error });
    }
  }

  /** The response's head. A refused token is read again once, and a kept-alive connection that the server closed meanwhile is replaced once. */
  async #send(call: Call, silenceMs: number, signal?: AbortSignal): Promise<IncomingMessage> {
    const first = await this.#attempt(call, silenceMs, false, signal);
    if (first.statusCode !== 401 || this.#connection.token === undefined) return first;
    first.resume();
    return await this.#attempt(call, silenceMs, true, signal);
  }

  async #attempt(call: Call, silenceMs: number, refreshToken: boolean, signal?: AbortSignal, mayRepeat = true): Promise<IncomingMessage> {
    let request: ClientRequest | undefined;
    try {
      const token = await this.#connection.token?.(refreshToken);
      return await new Promise<IncomingMessage>((resolve, reject) => {
        const payload = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
        request = this.#open(call, payload?.length, token, signal, resolve);
        request.once('error', reject);
        request.setTimeout(silenceMs, () => request?.destroy(Object.assign(new Error(`no data for ${silenceMs / 1000} s`), { code: 'ETIMEDOUT' })));
        request.end(payload);
      });
    } catch (error) {
      const stale = request?.reusedSocket === true && ['ECONNRESET', 'EPIPE'].includes(String((error as { code?: unknown }).code));
      if (stale && mayRepeat) return await this.#attempt(call, silenceMs, refreshToken, signal, false);
      throw fromSocket(describe(call), error);
    }
  }

  #open(call: Call, payloadBytes: number | undefined, token: string | undefined, signal: AbortSignal | undefined, onResponse: (response: IncomingMessage) => void): ClientRequest {
    const url = new URL(call.path, this.#connection.server);
    for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined && value !== '') url.searchParams.set(name, value);
    const options: RequestOptions = {
      method: call.method, agent: call.query?.['watch'] === undefined ? this.#agent : this.#watchAgent, ...(signal === undefined ? {} : { signal }),
      headers: {
        accept: 'application/json', 'user-agent': this.#userAgent,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        // Node sends the body of a DELETE without any length if it is not told one; the server would take it for the next request.
        ...(payloadBytes === undefined ? {} : { 'content-type': call.contentType ?? 'application/json', 'content-length': payloadBytes }),
      },
    };
    return httpsRequest(url, options, onResponse);
  }
}

function describe(call: Call): string {
  return `${call.query?.['watch'] === 'true' ? 'WATCH' : call.method} ${call.path}`;
}

async function body(what: string, response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    throw fromSocket(what, error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function refusal(what: string, response: IncomingMessage): Promise<KubeError> {
  return parseRefusal(what, response, await body(what, response));
}

function parseRefusal(what: string, response: IncomingMessage, text: string): KubeError {
  const code = response.statusCode ?? 0;
  try {
    return fromStatus(what, JSON.parse(text) as KubeStatus, code);
  } catch {
    // Proxies and an API server that is starting answer in plain text.
    return new KubeError(code, `HTTP ${code}`, `${what}: HTTP ${code} ${text.slice(0, 200).trim()}`);
  }
}
