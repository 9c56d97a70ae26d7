/** Which previews HAProxy does not take, when it does not take the configuration: those are left out, the others served. */
import type { LivePreview } from './plan.ts';

export class Sieve {
  readonly #errorsOf: (previews: readonly LivePreview[]) => Promise<string | undefined>;
  /** By all that they say: one that is changed is tried again. */
  #refused = new Set<string>();

  /** @param errorsOf what HAProxy says of a configuration with these alone; undefined when it accepts it */
  constructor(errorsOf: (previews: readonly LivePreview[]) => Promise<string | undefined>) {
    this.#errorsOf = errorsOf;
  }

  /** @param previews all that there are: what is not among them is forgotten */
  sift(previews: readonly LivePreview[]): { good: LivePreview[]; refused: LivePreview[] } {
    const texts = new Map(previews.map((preview) => [preview, JSON.stringify(preview)]));
    const present = new Set(texts.values());
    this.#refused = new Set([...this.#refused].filter((text) => present.has(text)));
    const isRefused = (preview: LivePreview): boolean => this.#refused.has(texts.get(preview)!);
    return { good: previews.filter((preview) => !isRefused(preview)), refused: previews.filter(isRefused) };
  }

  /** Halves, and halves of those, until the bad ones stand alone. @returns those that were found: none when the reason is another one */
  async search(previews: readonly LivePreview[]): Promise<{ preview: LivePreview; why: string }[]> {
    if (previews.length === 0) return [];
    const why = await this.#errorsOf(previews);
    if (why === undefined) return [];
    if (previews.length === 1) {
      const preview = previews[0]!;
      this.#refused.add(JSON.stringify(preview));
      return [{ preview, why }];
    }
    const middle = Math.ceil(previews.length / 2);
    return [...await this.search(previews.slice(0, middle)), ...await this.search(previews.slice(middle))];
  }
}
