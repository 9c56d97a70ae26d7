/** iproute2. Many changes go through one process (`ip -batch`), because spawning is what takes the time. */
import { run } from './run.ts';

export interface Ip {
  /** Lines as `ip` takes them, without the leading `ip`. All must succeed. @param netns as in {@link Nft}. */
  batch(lines: string[], netns?: string): Promise<void>;
  /** Names of the interfaces. */
  links(netns?: string): Promise<string[]>;
  /** Sources of the rules of one priority. */
  rules(priority: number): Promise<string[]>;
}

const inNamespace = (netns: string | undefined): string[] => (netns === undefined ? [] : ['-n', netns]);

export const ip: Ip = {
  async batch(lines, netns) {
    await run(['ip', ...inNamespace(netns), '-batch', '-'], { input: `${lines.join('\n')}\n` });
  },
  async links(netns) {
    const { stdout } = await run(['ip', ...inNamespace(netns), '-j', 'link', 'show']);
    return (JSON.parse(stdout === '' ? '[]' : stdout) as { ifname?: string }[]).flatMap(({ ifname }) => ifname ?? []);
  },
  async rules(priority) {
    const { stdout } = await run(['ip', '-j', 'rule', 'show', 'priority', String(priority)]);
    return (JSON.parse(stdout === '' ? '[]' : stdout) as { src?: string }[]).flatMap(({ src }) => src ?? []);
  },
};
