/** A real browser: Chromium without a window, by its DevTools protocol. Each view is somebody's own browser: cookies are not shared. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { WebSocket } from 'ws';

export interface View {
  /** Goes there, and resolves when the page has loaded. */
  open(url: string): Promise<void>;
  /** Value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** PNG. */
  screenshot(): Promise<Buffer>;
}

export interface Browser {
  newView(): Promise<View>;
  close(): Promise<void>;
}

interface Message { id?: number; sessionId?: string; method?: string; params?: Record<string, unknown>; result?: Record<string, unknown>; error?: { message: string } }

const startLimitMs = 60_000;
const loadLimitMs = 60_000;
const networkChanged = 'net::ERR_NETWORK_CHANGED';
const mostTries = 20;

/** Debian's package, installed if it is missing and we may. */
async function ensureChromium(): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) if (!(await execa('sh', ['-c', `command -v ${name}`], { reject: false })).failed) return name;
    return undefined;
  };
  const found = await find();
  if (found !== undefined) return found;
  await execa('sh', ['-c', 'apt-get update -q && apt-get install -qy --no-install-recommends chromium'], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  const installed = await find();
  if (installed === undefined) throw new Error('there is no Chromium, and it could not be installed');
  return installed;
}

/** @param more arguments of the program */
export async function startBrowser(more: string[] = []): Promise<Browser> {
  const program = await ensureChromium();
  const profile = await mkdtemp(join(tmpdir(), 'podbridge-browser-'));
  const child = execa(program, ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${profile}`, ...more, 'about:blank'], { reject: false, buffer: false, stdout: 'ignore' });
  const address = await new Promise<string>((resolve, reject) => {
    let told = '';
    const timer = setTimeout(() => reject(new Error(`${program} did not start: ${told}`)), startLimitMs);
    child.stderr.on('data', (chunk: Buffer) => {
      told += String(chunk);
      const [, url] = /DevTools listening on (ws:\S+)/.exec(told) ?? [];
      if (url !== undefined) { clearTimeout(timer); resolve(url); }
    });
    void child.then(({ exitCode }) => { clearTimeout(timer); reject(new Error(`${program} ended with ${exitCode}: ${told}`)); });
  });
  const socket = new WebSocket(address, { perMessageDeflate: false });
  await new Promise<void>((resolve, reject) => { socket.once('open', resolve); socket.once('error', reject); });
  const pending = new Map<number, { resolve: (result: Record<string, unknown>) => void; reject: (error: Error) => void }>();
  const listeners = new Set<(message: Message) => void>();
  let last = 0;
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(String(data)) as Message;
    const waiting = message.id === undefined ? undefined : pending.get(message.id);
    if (waiting === undefined) return listeners.forEach((listener) => listener(message));
    pending.delete(message.id!);
    if (message.error === undefined) waiting.resolve(message.result ?? {});
    else waiting.reject(new Error(message.error.message));
  });
  const call = (method: string, params: Record<string, unknown> = {}, sessionId?: string) => new Promise<Record<string, unknown>>((resolve, reject) => {
    last += 1;
    pending.set(last, { resolve, reject });
    socket.send(JSON.stringify({ id: last, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
  });

  return {
    async newView() {
      const { browserContextId } = await call('Target.createBrowserContext');
      const { targetId } = await call('Target.createTarget', { url: 'about:blank', browserContextId });
      const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true }) as { sessionId: string };
      await call('Page.enable', {}, sessionId);
      await call('Emulation.setDeviceMetricsOverride', { width: 900, height: 640, deviceScaleFactor: 1, mobile: false }, sessionId);
      return {
        async open(url) {
          const navigate = async (): Promise<string | undefined> => {
            const loaded = new Promise<void>((resolve, reject) => {
              const timer = setTimeout(() => reject(new Error(`${url} did not load within ${loadLimitMs} ms`)), loadLimitMs);
              const listener = (message: Message): void => {
                if (message.sessionId !== sessionId || message.method !== 'Page.loadEventFired') return;
                clearTimeout(timer);
                listeners.delete(listener);
                resolve();
              };
              listeners.add(listener);
            });
            const { errorText } = await call('Page.navigate', { url }, sessionId) as { errorText?: string };
            // Docker made or removed an interface in this moment. The page that says so loads too.
            if (errorText !== undefined && errorText !== networkChanged) throw new Error(`${url}: ${errorText}`);
            await loaded;
            return errorText;
          };
          for (let tries = 1; await navigate() === networkChanged; tries++) if (tries === mostTries) throw new Error(`${url}: ${networkChanged} ${mostTries} times`);
        },
        async evaluate<T>(expression: string) {
          const { result } = await call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true }, sessionId) as { result: { value: T } };
          return result.value;
        },
        async screenshot() {
          const { data } = await call('Page.captureScreenshot', { format: 'png' }, sessionId);
          return Buffer.from(String(data), 'base64');
        },
      };
    },
    async close() {
      await call('Browser.close').catch(() => undefined);
      socket.close();
      await child;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
