import type { Row, Summary } from './summary.ts';

const headings = ['case', 'metric', 'min', 'median', 'max', 'unit', 'vs baseline', 'target'] as const;

/** Three significant digits, never an exponent. */
export function number(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

function against(row: Row): string {
  if (row.difference === undefined) return '';
  const sign = row.difference < 0 ? '-' : '+';
  const ratio = row.ratio === undefined ? '' : `x${row.ratio.toFixed(2)}, `;
  return `${ratio}${sign}${number(Math.abs(row.difference))}`;
}

/** A table for people; each case's name stands once. */
export function table(summary: Summary): string {
  let last = '';
  const lines = summary.rows.map((row) => {
    const name = row.case === last ? '' : row.case;
    last = row.case;
    return [
      row.case === summary.baseline && name !== '' ? `${name} (baseline)` : name, row.metric, number(row.min), number(row.median), number(row.max), row.unit, against(row),
      row.target === undefined ? '' : `${row.target.text}: ${row.target.reached ? 'reached' : 'MISSED'}`,
    ];
  });
  const cells = [[...headings], ...lines];
  const widths = headings.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const rightAligned = new Set([2, 3, 4]);
  const text = cells.map((line) => line.map((cell, column) => (rightAligned.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ').trimEnd());
  return `${summary.name}: ${summary.title}\n${text.map((line) => `  ${line}\n`).join('')}`;
}
