/** Numbers as people read them. */

/** `0.8 ms`, `14 ms`, `1.2 s`. */
export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** `512 B`, `1.2 MB`; powers of 1000, as network tools count. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [count, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `12 s`, `5 min`, `3 h`: how long ago. */
export function since(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

/** `0`, `0.4`, `12`, `1.2k`: requests per second in five characters. */
export function rate(perSecond: number): string {
  if (perSecond >= 999.5) return `${(perSecond / 1000).toFixed(1)}k`;
  if (perSecond >= 10) return String(Math.round(perSecond));
  return perSecond === 0 ? '0' : perSecond.toFixed(1);
}

/** What comes from containers and from the cluster may hold anything: sequences that would steer the terminal, and tabs that would break columns, do not pass. */
export function plain(text: string): string {
  return text.replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-_])/g, '').replaceAll('\t', '  ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '');
}

/** A graph of one line; the highest value has the highest sign, and a flat line stays at the bottom. */
export function graph(values: readonly number[], width: number, levels: readonly string[]): string {
  const shown = values.slice(-width);
  const top = Math.max(...shown, 0);
  const bottom = Math.min(...shown, top);
  return shown.map((value) => levels[top - bottom < top * 0.05 ? 0 : Math.min(levels.length - 1, Math.floor(((value - bottom) / (top - bottom)) * levels.length))]!).join('');
}
