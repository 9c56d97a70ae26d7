/** A terminal's screen as an SVG picture: text with SGR sequences (ECMA-48) in, what a browser draws out. */
const cell = { width: 8.4, height: 18 };
const margin = { side: 16, top: 40, bottom: 14 };
const plain = '#d4d4d8';
/** The eight colours of SGR 30 to 37, readable on the dark ground. */
const colors = ['#71717a', '#f87171', '#4ade80', '#facc15', '#60a5fa', '#e879f9', '#22d3ee', '#f4f4f5'];

interface Style {
  color?: string;
  bold: boolean;
  dim: boolean;
  inverse: boolean;
}

interface Run extends Style {
  column: number;
  text: string;
}

const initial: Style = { bold: false, dim: false, inverse: false };

function changed(style: Style, code: number): Style {
  if (code === 0) return initial;
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 7) return { ...style, inverse: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 27) return { ...style, inverse: false };
  if (code === 39) return { ...style, color: undefined };
  const bright = code >= 90 ? code - 60 : code;
  return bright >= 30 && bright <= 37 ? { ...style, color: colors[bright - 30]! } : style;
}

/** The style goes on from line to line, as tmux writes it. */
function runsOf(screen: string): Run[][] {
  let style = initial;
  return screen.split('\n').map((line) => {
    let column = 0;
    return line.split(/(\u001b\[[0-9;]*m)/).flatMap((part) => {
      const sequence = /^\u001b\[([0-9;]*)m$/.exec(part);
      if (sequence !== null) {
        style = sequence[1]!.split(';').map(Number).reduce(changed, style);
        return [];
      }
      const run = { ...style, column, text: part };
      column += [...part].length;
      return part.trim() === '' ? [] : [run];
    });
  });
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const round = (value: number): number => Math.round(value * 10) / 10;

function draw({ column, text, color = plain, bold, dim, inverse }: Run, row: number): string {
  const [x, y, wide] = [margin.side + column * cell.width, margin.top + row * cell.height, [...text].length * cell.width].map(round);
  const ground = inverse ? `<rect x="${x}" y="${y! - 14}" width="${wide}" height="${cell.height}" fill="${color}"/>` : '';
  // The length keeps columns whatever font there is; plain blanks would be drawn together.
  return `${ground}<text x="${x}" y="${y}" textLength="${wide}" lengthAdjust="spacingAndGlyphs" fill="${inverse ? '#18181b' : color}"${bold ? ' font-weight="bold"' : ''}${dim ? ' opacity="0.65"' : ''}>${escape(text).replaceAll(' ', '&#160;')}</text>`;
}

/** @param screen lines with SGR sequences. @param title of the window; also what screen readers say */
export function terminalSvg(screen: string, title: string): string {
  const lines = runsOf(screen.trimEnd());
  const columns = Math.max(...lines.flat().map(({ column, text }) => column + [...text].length));
  const [width, height] = [Math.ceil(columns * cell.width + 2 * margin.side), margin.top + (lines.length - 1) * cell.height + margin.bottom];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
<rect width="${width}" height="${height}" rx="8" fill="#18181b"/>
<circle cx="20" cy="14" r="5" fill="#f87171"/><circle cx="38" cy="14" r="5" fill="#facc15"/><circle cx="56" cy="14" r="5" fill="#4ade80"/>
<g font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
${lines.flatMap((runs, row) => runs.map((run) => draw(run, row))).join('\n')}
</g>
</svg>
`;
}
