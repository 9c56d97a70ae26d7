/**
 * What HAProxy does not decide: links become cookies, passwords are asked for, and whoever has no valid cookie is told why.
 * Listens on the loopback of the gateway's pod; only HAProxy comes here.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { accessOf, keyOf, previewCookie, previewKey, previewPath } from '../../../protocol/preview.ts';
import { endedPage, noLinkPage, nothingHerePage, passwordPage, unknownPage } from './pages.ts';
import type { LivePreview } from './plan.ts';

export interface DoorOptions {
  /** Those that HAProxy serves now. */
  live: () => readonly LivePreview[];
  /** Why what has this key is not good any more. */
  ended: (key: string) => string | undefined;
  signal: AbortSignal;
  /** How long a link that nobody knows is waited for. */
  patienceMs?: number;
  now?: () => number;
}

const pollMs = 50;
const mostFormBytes = 4096;
/** A path of this very host: a browser takes `//x` and `/\x` for another one. */
const ownPath = /^\/(?![/\\])[!-~]{0,2000}$/;

/** @returns the port */
export async function openDoor({ live, ended, signal, patienceMs = 3000, now = Date.now }: DoorOptions): Promise<number> {
  // One at a time: each takes 16 MB for a moment, and guessing shall be slow.
  let guesses: Promise<unknown> = Promise.resolve();

  /** A link may be quicker here than the news of it. */
  async function known(key: string): Promise<LivePreview | undefined> {
    for (const until = performance.now() + patienceMs; ; await sleep(pollMs)) {
      const preview = live().find(({ tag, link }) => previewKey(tag, link) === key);
      if (preview !== undefined || ended(key) !== undefined || performance.now() >= until) return preview;
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://door');
    if (!url.pathname.startsWith(previewPath)) return withoutCookie(request, response);
    const secret = url.pathname.slice(previewPath.length);
    const key = keyOf(secret);
    const preview = await known(key);
    if (preview === undefined) return show(response, 410, whyEnded(key));
    const to = url.searchParams.get('to') ?? '/';
    const target = ownPath.test(to) ? to : '/';
    const protectedByPassword = preview.access !== preview.link;
    if (!protectedByPassword) return enter(request, response, preview, secret, target);
    if (request.method !== 'POST') return show(response, 200, passwordPage(false));
    const password = new URLSearchParams(await readForm(request)).get('password') ?? '';
    const tried = guesses.then(() => accessOf(secret, password));
    guesses = tried.catch(() => undefined);
    const access = await tried;
    if (keyOf(access) !== previewKey(preview.tag, preview.access)) return show(response, 403, passwordPage(true));
    enter(request, response, preview, access, target);
  }

  function enter(request: IncomingMessage, response: ServerResponse, { expiresAt }: LivePreview, access: string, to: string): void {
    const seconds = Math.max(1, Math.floor((Date.parse(expiresAt) - now()) / 1000));
    const secure = request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
    response.writeHead(303, { ...never, location: to, 'set-cookie': `${previewCookie}=${access}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}` }).end();
  }

  function withoutCookie(request: IncomingMessage, response: ServerResponse): void {
    const cookie = new RegExp(`(?:^|; ?)${previewCookie}=([^;]*)`).exec(request.headers.cookie ?? '')?.[1];
    if (cookie === undefined) return show(response, 404, noLinkPage());
    const key = keyOf(cookie);
    const preview = live().find(({ tag, access }) => previewKey(tag, access) === key);
    if (preview !== undefined) return show(response, 404, nothingHerePage(preview.entry));
    show(response, 410, whyEnded(key));
  }

  const whyEnded = (key: string): string => {
    const why = ended(key);
    return why === undefined ? unknownPage() : endedPage(why);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      if (!response.headersSent) response.writeHead(400);
      response.end();
    });
  });
  signal.addEventListener('abort', () => { server.close(); server.closeAllConnections(); }, { once: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  return (server.address() as AddressInfo).port;
}

/** Neither kept nor told to the page that is opened next. */
const never = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-robots-tag': 'noindex' };

function show(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, { ...never, 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'" }).end(html);
}

async function readForm(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > mostFormBytes) throw new RangeError('too long for a form');
  }
  return text;
}
