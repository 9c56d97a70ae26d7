/** Requests at a steady rate, on new connections and on keep-alive ones, each with its outcome. No retries: what a client sees, counts. */
import { Agent, request } from 'node:http';

export interface LoadOptions {
  host: string;
  port: number;
  /** Requests per second, each on a connection of its own. */
  newPerSecond: number;
  keepAlive: { connections: number; perSecond: number };
  headers?: Record<string, string>;
}

export interface Tally {
  sent: number;
  failed: string[];
  /** By who answered: the tests' echo says so, others with the first word. */
  answers: Record<string, number>;
  /** Longest time without a good answer. */
  longestGapMs: number;
}

export interface Load {
  fresh: Tally;
  kept: Tally;
  /** Stops asking and waits for what is under way. */
  stop: () => Promise<void>;
}

const requestTimeoutMs = 8000;

export function startLoad({ host, port, newPerSecond, keepAlive, headers = {} }: LoadOptions): Load {
  const fresh = tally();
  const kept = tally();
  const underWay = new Set<Promise<void>>();
  const freshAgent = new Agent({ keepAlive: false });
  const keptAgents = Array.from({ length: keepAlive.connections }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const ask = (agent: Agent, into: Tally): void => {
    const asking = one(agent, { host, port, headers }, into).finally(() => underWay.delete(asking));
    underWay.add(asking);
  };
  let next = 0;
  const timers = [
    every(newPerSecond, () => ask(freshAgent, fresh)),
    every(keepAlive.perSecond, () => { next += 1; ask(keptAgents[next % keptAgents.length] ?? freshAgent, kept); }),
  ];
  return {
    fresh, kept,
    stop: async () => {
      for (const stop of timers) stop();
      await Promise.all(underWay);
      for (const agent of [freshAgent, ...keptAgents]) agent.destroy();
    },
  };
}

interface Counting extends Tally { lastGoodAt: number }

function tally(): Counting {
  return { sent: 0, failed: [], answers: {}, longestGapMs: 0, lastGoodAt: Date.now() };
}

/** Keeps its mean rate even when single ticks come late. */
function every(perSecond: number, act: () => void): () => void {
  if (perSecond <= 0) return () => undefined;
  const started = Date.now();
  let done = 0;
  const timer = setInterval(() => {
    for (const due = ((Date.now() - started) / 1000) * perSecond; done < due; done += 1) act();
  }, 2);
  return () => clearInterval(timer);
}

async function one(agent: Agent, { host, port, headers }: Pick<LoadOptions, 'host' | 'port'> & { headers: Record<string, string> }, into: Tally): Promise<void> {
  into.sent += 1;
  const sentAt = Date.now();
  const counting = into as Counting;
  try {
    const text = await new Promise<string>((resolve, reject) => {
      const asking = request({ host, port, path: '/', agent, headers, timeout: requestTimeoutMs }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => { body += chunk; });
        response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(`HTTP ${response.statusCode} ${body.slice(0, 200)}`))));
        response.on('error', reject);
      });
      asking.on('timeout', () => asking.destroy(new Error('TIMEOUT')));
      asking.on('error', reject);
      asking.end();
    });
    const word = /"who":"(\w+)"/.exec(text)?.[1] ?? text.split(/\s/)[0] ?? '';
    into.answers[word] = (into.answers[word] ?? 0) + 1;
    into.longestGapMs = Math.max(into.longestGapMs, Date.now() - counting.lastGoodAt);
    counting.lastGoodAt = Date.now();
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    into.failed.push(`${new Date().toISOString().slice(14, 23)} ${code ?? message} after ${Date.now() - sentAt} ms`);
  }
}
