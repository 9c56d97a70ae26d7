/** Which reporter tells the story: Ink for a person at a terminal, JSON lines for programs, else plain lines. */
import type { Host } from '../host.ts';
import type { OutputFormat } from '../command.ts';
import type { Reporter } from './events.ts';
import { jsonReporter } from './json.ts';
import { plainReporter } from './plain.ts';
import { isInteractive, paint, wantsColor } from './terminal.ts';

export type ProgressForm = 'auto' | 'plain' | 'json' | 'none';

export async function chooseReporter(host: Host, output: OutputFormat, form: ProgressForm): Promise<Reporter> {
  if (form === 'none') return { emit: () => undefined };
  if (form === 'json' || (form === 'auto' && output === 'json')) return jsonReporter(host.stderr);
  const plain = plainReporter(host.stderr, paint(wantsColor(host)));
  if (form === 'plain' || !isInteractive(host)) return plain;
  const { lateInkReporter } = await import('./late-ink.ts');
  return lateInkReporter(host);
}
