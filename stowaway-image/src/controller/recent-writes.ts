/**
 * Status writes come back through the watch a little later. Until then the copy still shows the old state; this keeps the same
 * write from being sent again and again, while a write that got lost or was overwritten is repeated.
 */
const trustMs = 3_000;

export class RecentWrites {
  readonly #writes = new Map<string, { text: string; at: number }>();

  /** Must `wanted` be written, given that the copy shows `present`? */
  mustWrite(uid: string, present: unknown, wanted: unknown, now: number): boolean {
    const text = JSON.stringify(wanted);
    if (JSON.stringify(present) === text) {
      this.#writes.delete(uid);
      return false;
    }
    const last = this.#writes.get(uid);
    if (last !== undefined && last.text === text && now - last.at < trustMs) return false;
    this.#writes.set(uid, { text, at: now });
    return true;
  }

  /** The write failed. */
  forget(uid: string): void {
    this.#writes.delete(uid);
  }

  forgetAllBut(uids: ReadonlySet<string>): void {
    for (const uid of this.#writes.keys()) if (!uids.has(uid)) this.#writes.delete(uid);
  }
}

/** An object with its keys in order, at all depths, so that equal values have equal text. */
export function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined).sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, entry]) => [key, ordered(entry)]));
}
