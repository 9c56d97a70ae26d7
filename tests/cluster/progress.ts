/** What `ensureCluster` and its parts tell while they work. */
export interface Progress {
  /** Runs `action`, showing `title` while it lasts and the time it took afterwards. */
  step<T>(title: string, action: () => Promise<T>): Promise<T>;
  /** One line that belongs to no step. */
  note(text: string): void;
}

/** How often a step that is still running says so where lines cannot be redrawn. */
const stillRunningIntervalMs = 15_000;
const redrawIntervalMs = 1_000;

/** Progress for people: redrawn in place on a terminal, plain lines elsewhere. @param indent before every line */
export function progressOn(stream: NodeJS.WriteStream, indent = ''): Progress {
  const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
  const clear = stream.isTTY ? '\r\x1b[2K' : '';
  return {
    async step(title, action) {
      const start = performance.now();
      if (stream.isTTY) stream.write(`${indent}… ${title}`);
      const timer = setInterval(
        () => stream.write(`${clear}${indent}… ${title}: ${seconds(start)}${stream.isTTY ? '' : '\n'}`),
        stream.isTTY ? redrawIntervalMs : stillRunningIntervalMs,
      );
      let mark = '✗';
      try {
        const result = await action();
        mark = '✓';
        return result;
      } finally {
        clearInterval(timer);
        stream.write(`${clear}${indent}${mark} ${title}: ${seconds(start)}\n`);
      }
    },
    note: (text) => stream.write(`${clear}${indent}${text}\n`),
  };
}

export const silent: Progress = { step: (_title, action) => action(), note: () => undefined };
