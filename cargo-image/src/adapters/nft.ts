/** nftables. One script is one transaction: either all of it is in force or nothing changed. */
import { command } from './command.ts';

export interface Nft {
  apply(script: string): Promise<void>;
}

export const nft: Nft = {
  async apply(script) {
    await command('nft', ['-f', '-'], script);
  },
};
