/** HTTP load by wrk: closed loop over kept connections, latency seen by the client. */
import type { Exec } from './exec.ts';

export interface WrkResult {
  p50Ms: number;
  p99Ms: number;
  perSecond: number;
}

const inMs: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };
/** Beyond the time that wrk itself takes. */
const marginMs = 20_000;

export async function wrk(exec: Exec, url: string, connections: number, seconds: number, headers: string[] = []): Promise<WrkResult> {
  const threads = Math.min(connections, 2);
  const text = await exec(['wrk', '--latency', `-t${threads}`, `-c${connections}`, `-d${seconds}s`, ...headers.flatMap((header) => ['-H', header]), url], seconds * 1000 + marginMs);
  // A fast answer that is an error, or none at all, would look like a good result.
  const trouble = /Non-2xx.*|Socket errors: connect [1-9].*|Socket errors: connect 0, read [1-9].*/.exec(text);
  if (trouble !== null) throw new Error(`wrk ${url}: ${trouble[0]}`);
  return { p50Ms: percentile(text, 50), p99Ms: percentile(text, 99), perSecond: Number(/Requests\/sec:\s*([\d.]+)/.exec(text)?.[1]) };
}

function percentile(text: string, which: number): number {
  const [, value, unit] = new RegExp(`^\\s*${which}%\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(text) ?? [];
  if (unit === undefined) throw new Error(`wrk did not tell the ${which}th percentile:\n${text}`);
  return Number(value) * inMs[unit]!;
}
