/** nftables. One script is one transaction: either all of it is in force or nothing changed. */
import { inNetns } from './netns.ts';
import { run } from './run.ts';

export interface Nft {
  /** @param netns name of a network namespace (`ip netns`); absent: our own. */
  apply(script: string, netns?: string): Promise<void>;
  /** One table as nft prints it; empty when there is none. */
  table(name: string, netns: string): Promise<string>;
  /** The same as JSON (libnftables-json(5)), without the elements of its sets. */
  tableJson(name: string, netns: string): Promise<string>;
}

export const nft: Nft = {
  async apply(script, netns) {
    if (netns === undefined) await run(['nft', '-f', '-'], { input: script });
    else await inNetns(netns, ['nft', '-f', '-'], { input: script });
  },
  async table(name, netns) {
    const { exitCode, stdout } = await inNetns(netns, ['nft', '-n', 'list', 'table', 'ip', name], { ok: [0, 1] });
    return exitCode === 0 ? stdout : '';
  },
  async tableJson(name, netns) {
    const { exitCode, stdout } = await inNetns(netns, ['nft', '-n', '-t', '-j', 'list', 'table', 'ip', name], { ok: [0, 1] });
    return exitCode === 0 ? stdout : '';
  },
};
