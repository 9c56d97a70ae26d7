/** What is wrong in a bridge.yaml, each with its line and column, all of it at once. */
import type { LineCounter} from 'yaml';
import { isAlias, isMap, isScalar, isSeq, type Document, type Node } from 'yaml';
import { BridgeError } from '../errors.ts';
import { extensionKey } from './keys.ts';

export interface Problem {
  /** Both from 1. */
  line: number;
  column: number;
  /** `services.api.ports[0]`; empty: the whole file. */
  path: string;
  message: string;
}

export type Path = readonly PropertyKey[];

export function pathText(path: Path): string {
  return path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`), '');
}

export class Problems {
  readonly #found: (Problem & { top: string | undefined })[] = [];
  readonly #lines: LineCounter;
  readonly #document: Document;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  get any(): boolean {
    return this.#found.length > 0;
  }

  /** What the file says of the place is right: the mistakes are all in services, or in what is the user's own. */
  get spareTop(): boolean {
    return this.#found.every(({ top }) => top !== undefined && (top === 'services' || extensionKey.test(top)));
  }

  /** @param top key at the top of the file in which it is; undefined: it is about the whole file */
  at(offset: number, message: string, path: Path = [], top = path.length === 0 ? undefined : String(path[0])): void {
    const { line, col: column } = this.#lines.linePos(offset);
    this.#found.push({ line: Math.max(line, 1), column: Math.max(column, 1), path: pathText(path), message, top });
  }

  /** @param of where to point: at the value, or at its key */
  add(path: Path, message: string, of: 'value' | 'key' = 'value'): void {
    this.at(this.#offset(path, of), message, path);
  }

  /** `3:10`, of the value. */
  place(path: Path): string {
    const { line, col } = this.#lines.linePos(this.#offset(path, 'value'));
    return `${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }

  /** Exactly this value is wrong already. */
  has(path: Path): boolean {
    return this.#found.some((problem) => problem.path === pathText(path));
  }

  /** It, or something in it, is wrong already. */
  below(path: Path): boolean {
    const start = pathText(path);
    return this.#found.some((problem) => problem.path === start || problem.path.startsWith(`${start}.`) || problem.path.startsWith(`${start}[`));
  }

  #offset(path: Path, of: 'value' | 'key'): number {
    let node: Node | null = this.#document.contents;
    let offset = node?.range?.[0] ?? 0;
    for (const [index, part] of path.entries()) {
      if (isAlias(node)) node = node.resolve(this.#document) ?? null;
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => String((key as { value?: unknown }).value) === String(part));
        // What came by a merge key stands elsewhere: the mapping itself is near enough.
        if (pair === undefined) return offset;
        const [key, value] = [pair.key as Node | null, pair.value as Node | null];
        offset = key?.range?.[0] ?? offset;
        if (index === path.length - 1 && of === 'key') return offset;
        // Of nothing at all, or of a mapping or list that begins in the next line, the key is what people look for.
        offset = value?.range === undefined || value.range === null || isMap(value) || isSeq(value) || (isScalar(value) && value.source === '') ? offset : value.range[0];
        node = value;
      } else if (isSeq(node)) {
        node = (node.items[Number(part)] as Node | undefined) ?? null;
        offset = node?.range?.[0] ?? offset;
      } else return offset;
    }
    return offset;
  }

  /** @param file as messages call it */
  error(file: string): BridgeError {
    const problems = this.#found.map(({ line, column, path, message }): Problem => ({ line, column, path, message })).sort((a, b) => a.line - b.line || a.column - b.column);
    return new BridgeError({
      kind: 'usage', code: 'project-invalid', what: `${file} has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}`,
      why: problems.map(({ line, column, path, message }) => `${line}:${column} ${path === '' ? '' : `${path}: `}${message}`).join('\n'),
      next: `edit ${file}  (all keys, for your editor: bridge schema), or do without it this time: --project none`, problems,
    });
  }
}
