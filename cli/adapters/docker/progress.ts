/** Docker's progress events as lines for people. */

interface ProgressEvent {
  stream?: string;
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number };
  error?: string;
  errorDetail?: { message?: string };
}

const keptLines = 30;

export interface Progress {
  take(event: unknown): void;
  /** Daemons tell failure as an event of a stream that began with success. */
  error(): string | undefined;
  /** The last lines, for the error. */
  last(): string[];
}

/** Downloads report many times a second: a layer is told when its status or its tenth changes. */
export function createProgress(onLine: (line: string) => void): Progress {
  const kept: string[] = [];
  let failure: string | undefined;
  const told = new Map<string, string>();
  const tell = (line: string): void => {
    kept.push(line);
    if (kept.length > keptLines) kept.shift();
    onLine(line);
  };
  return {
    take(event) {
      const { stream, status, id, progressDetail, error, errorDetail } = event as ProgressEvent;
      if (error !== undefined) failure = errorDetail?.message ?? error;
      if (stream !== undefined) {
        for (const line of stream.split('\n')) if (line.trim() !== '') tell(line.trimEnd());
      } else if (status !== undefined) {
        const { current, total } = progressDetail ?? {};
        const share = current === undefined || total === undefined || total === 0 ? '' : ` ${Math.floor((current / total) * 10) * 10} %`;
        const line = `${id === undefined ? '' : `${id}: `}${status}${share}`;
        if (id === undefined || told.get(id) !== line) tell(line);
        if (id !== undefined) told.set(id, line);
      }
    },
    error: () => failure,
    last: () => [...kept],
  };
}
