/** iproute2. Many changes go through one process (`ip -batch`), because spawning is what takes the time. */
import { run } from './run.ts';

export interface Ip {
  /** Lines as `ip` takes them, without the leading `ip`. All must succeed. @param netns as in {@link Nft}. */
  batch(lines: string[], netns?: string): Promise<void>;
}

const inNamespace = (netns: string | undefined): string[] => (netns === undefined ? [] : ['-n', netns]);

export const ip: Ip = {
  async batch(lines, netns) {
    await run(['ip', ...inNamespace(netns), '-batch', '-'], { input: `${lines.join('\n')}\n` });
  },
};
