/** What a bridge does to the requests that it takes, beyond taking them, in words. */
import { modeWords, type Fault, type Mode } from '../../protocol/traffic.ts';

/** As in a Bridge's spec, or as told. */
export interface Treatment {
  mode?: Mode;
  delayMs?: number | null;
  fault?: Fault | null;
}

/** As answers tell it: every part is always there. */
export interface ToldTreatment {
  mode: Mode;
  delayMs: number | null;
  fault: Fault | null;
}

export function toldTreatment({ mode, delayMs, fault }: Treatment): ToldTreatment {
  return { mode: mode ?? 'steal', delayMs: delayMs ?? null, fault: fault ?? null };
}

/** `copies of all traffic`, `mark ann (200 ms later, 10 % answered with 503)`. @param what the requests in words */
export function takenWords(what: string, { mode = 'steal', delayMs, fault }: Treatment): string {
  const done = [...(delayMs === undefined || delayMs === null ? [] : [`${delayMs} ms later`]), ...(fault === undefined || fault === null ? [] : [`${fault.percent} % answered with ${fault.status ?? 503}`])];
  return `${modeWords[mode]}${what}${done.length === 0 ? '' : ` (${done.join(', ')})`}`;
}
