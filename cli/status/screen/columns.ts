/** Tables that fit: columns are left out, the least important first, and what can be cut is cut, until a row is no wider than the screen. */
import type { Line, Style } from './line.ts';

export interface Cell {
  text: string;
  style?: Style;
}

export interface Column<Row> {
  title: string;
  cell: (row: Row) => Cell;
  align?: 'right';
  /** Those with the lowest are left out first; 0 never is. */
  importance: number;
  /** May be cut down to this many characters. */
  shrinkTo?: number;
}

const gap = 2;

export function cut(text: string, width: number, ellipsis: string): string {
  if (text.length <= width) return text;
  return width <= ellipsis.length ? text.slice(0, Math.max(0, width)) : `${text.slice(0, width - ellipsis.length)}${ellipsis}`;
}

interface Measured<Row> {
  column: Column<Row>;
  width: number;
}

const totalOf = <Row>(measured: readonly Measured<Row>[]): number => measured.reduce((sum, { width }) => sum + width + gap, -gap);

function fit<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): Measured<Row>[] {
  let measured = columns.map((column) => ({ column, width: Math.max(column.title.length, ...rows.map((row) => column.cell(row).text.length)) }));
  const least = (all: Measured<Row>[]) => all.reduce((sum, { column, width: full }) => sum + (column.shrinkTo === undefined ? full : Math.min(full, column.shrinkTo)) + gap, -gap);
  while (least(measured) > width) {
    const droppable = measured.filter(({ column }) => column.importance > 0);
    if (droppable.length === 0) break;
    const lowest = Math.min(...droppable.map(({ column }) => column.importance));
    const last = measured.findLastIndex(({ column }) => column.importance === lowest);
    measured = measured.filter((_, index) => index !== last);
  }
  // The widest of those that can be cut gives way, until it fits.
  for (let over = totalOf(measured) - width; over > 0; over = totalOf(measured) - width) {
    const candidates = measured.filter(({ column, width: now }) => column.shrinkTo !== undefined && now > column.shrinkTo);
    const widest = candidates.sort((a, b) => b.width - a.width)[0];
    if (widest === undefined) break;
    widest.width = Math.max(widest.column.shrinkTo ?? 0, widest.width - over, (candidates[1]?.width ?? 0) - 1);
  }
  return measured;
}

function padded(text: string, width: number, align: 'right' | undefined): string {
  return align === 'right' ? text.padStart(width) : text.padEnd(width);
}

/** The headings, then one line for each row. */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number, ellipsis: string): Line[] {
  const measured = fit(columns, rows, width);
  const line = (cells: { text: string; style?: Style; width: number; align?: 'right' }[]): Line => cells.map(({ text, style, width: wide, align }, index) => ({
    text: `${padded(cut(text, wide, ellipsis), index === cells.length - 1 && align === undefined ? 0 : wide, align)}${index === cells.length - 1 ? '' : ' '.repeat(gap)}`, ...(style === undefined ? {} : { style }),
  }));
  return [
    line(measured.map(({ column, width: wide }) => ({ text: column.title, style: 'dim', width: wide, ...(column.align === undefined ? {} : { align: column.align }) }))),
    ...rows.map((row) => line(measured.map(({ column, width: wide }) => ({ ...column.cell(row), width: wide, ...(column.align === undefined ? {} : { align: column.align }) })))),
  ];
}
