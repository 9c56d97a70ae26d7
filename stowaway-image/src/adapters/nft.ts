/** nftables. One script is one transaction: either all of it is in force or nothing changed. */
import { run } from './run.ts';

export interface Nft {
  /** @param netns name of a network namespace (`ip netns`); absent: our own. */
  apply(script: string, netns?: string): Promise<void>;
}

export const nft: Nft = {
  async apply(script, netns) {
    await run(netns === undefined ? ['nft', '-f', '-'] : ['ip', 'netns', 'exec', netns, 'nft', '-f', '-'], { input: script });
  },
};
