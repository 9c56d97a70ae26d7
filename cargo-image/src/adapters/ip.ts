/** iproute2. Many changes go through one process (`ip -batch`), because spawning is what takes the time. */
import { command } from './command.ts';

export interface Ip {
  /** All lines must succeed. */
  batch(lines: string[]): Promise<void>;
  /** Lines that may fail, such as deleting what is not there. */
  attempt(lines: string[]): Promise<void>;
}

export const ip: Ip = {
  async batch(lines) {
    await command('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
  },
  async attempt(lines) {
    await command('ip', ['-force', '-batch', '-'], `${lines.join('\n')}\n`).catch(() => undefined);
  },
};
