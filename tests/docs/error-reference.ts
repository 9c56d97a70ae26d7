/** docs/errors.md, from the places in the source where errors are made: nobody has to keep a list. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { exitCodes } from '../../cli/errors.ts';

export const errorsFile = 'docs/errors.md';
const root = join(import.meta.dirname, '..', '..');

export interface FoundError {
  code: string;
  /** Where the kind is not written in the same place. */
  kind: string;
  what: string;
  why: string;
  next: string;
  file: string;
}

/** A literal as it stands; what is put into a template is an ellipsis; of a choice both sides. */
function words(node: ts.Expression | undefined): string[] {
  if (node === undefined) return [];
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node)) return [node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('')];
  if (ts.isConditionalExpression(node)) return [...words(node.whenTrue), ...words(node.whenFalse)];
  if (ts.isBinaryExpression(node)) return node.operatorToken.kind === ts.SyntaxKind.PlusToken ? [`${words(node.left)[0] ?? '…'}${words(node.right)[0] ?? '…'}`] : [...words(node.left), ...words(node.right)];
  if (ts.isParenthesizedExpression(node)) return words(node.expression);
  return [];
}

function property(object: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  for (const entry of object.properties) {
    if (ts.isPropertyAssignment(entry) && entry.name.getText() === name) return entry.initializer;
    // `...(why === undefined ? {} : { why: ... })`
    if (ts.isSpreadAssignment(entry)) {
      const inner = ts.isParenthesizedExpression(entry.expression) ? entry.expression.expression : entry.expression;
      if (ts.isConditionalExpression(inner)) for (const side of [inner.whenTrue, inner.whenFalse]) if (ts.isObjectLiteralExpression(side)) { const found = property(side, name); if (found !== undefined) return found; }
    }
  }
  return undefined;
}

const kinds = new Set(['usage', 'environment', 'refused', 'timeout', 'defect']);
const isCode = (text: string): boolean => /^[a-z][a-z0-9]*(-[a-z0-9…]+)*$/.test(text);

/** Facts of an error: an object with a code, a kind of ours, and words. */
function fromObject(object: ts.ObjectLiteralExpression, file: string): FoundError[] {
  const [codes, what] = [words(property(object, 'code')), words(property(object, 'what'))];
  const kind = words(property(object, 'kind')).filter((word) => kinds.has(word));
  if (property(object, 'kind') === undefined || property(object, 'what') === undefined) return [];
  const [why, next] = [words(property(object, 'why')), words(property(object, 'next'))];
  // Two codes with two texts belong together in their order.
  return codes.filter(isCode).map((code, index) => ({
    code, kind: kind[index] ?? kind[0] ?? '', what: what.length === codes.length ? what[index]! : what[0] ?? '', why: why.join('; or: '), next: next.length === codes.length ? next[index]! : next[0] ?? '', file,
  }));
}

export function errorsIn(text: string, file: string): FoundError[] {
  const found: FoundError[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isObjectLiteralExpression(node)) found.push(...fromObject(node, file));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

export function allErrors(): FoundError[] {
  return globSync('cli/**/*.ts', { cwd: root }).map((file) => file.replaceAll('\\', '/')).filter((file) => !file.startsWith('cli/doctor/')).sort().flatMap((file) => errorsIn(readFileSync(join(root, file), 'utf8'), file));
}

const cell = (text: string): string => text.replaceAll('|', String.raw`\|`).replaceAll('<', '&lt;').replaceAll('\n', ' ').replaceAll('`', "'");

export function errorReference(): string {
  const byCode = new Map<string, FoundError[]>();
  for (const error of allErrors()) byCode.set(error.code, [...byCode.get(error.code) ?? [], error]);
  const exit = (kind: string) => (kind === '' ? '' : String(exitCodes[kind as keyof typeof exitCodes] ?? ''));
  const rows = [...byCode].sort(([a], [b]) => (a < b ? -1 : 1)).map(([code, errors]) => {
    const one = errors.find(({ what }) => what.replaceAll('…', '').trim() !== '') ?? errors[0]!;
    // One that is the user's in one place is the environment's in another.
    const kinds = [...new Set(errors.map((error) => error.kind))].filter((each) => each !== '');
    return `| \`${code}\` | ${kinds.join(' or ')} | ${[...new Set(kinds.map(exit))].join(' or ')} | ${cell(one.what)} | ${cell(one.why)} | ${one.next === '' ? '' : cell(one.next)} |`;
  });
  return `${[
    '# Errors',
    'Written by `npm run docs` from the source. Every error has a code that does not change, says what happened, mostly why, and what to do next; with `-o json` it is one object `{"error": {"code", "kind", "what", "why", "next"}}` on stdout.',
    'A code ending in `…` has one form for each case. "…" stands for what is filled in. `bridge run` in the foreground ends with 125 instead of the exit code, because its other codes are the container\'s; with 4 when somebody else has ended its bridge (`bridge-ended`).',
    ['| code | kind | exit code | what | why | next |', '|---|---|---|---|---|---|', ...rows].join('\n'),
  ].join('\n\n')}\n`;
}
