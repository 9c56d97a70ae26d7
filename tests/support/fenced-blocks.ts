/** The fenced blocks of a Markdown page. */
export interface Block {
  /** Of the block's fence, from 1. */
  line: number;
  /** What stands behind the fence: `sh`, `console`, or nothing. */
  language: string;
  /** The heading above it. */
  section: string;
  /** Ends with a line break. */
  text: string;
}

export function fencedBlocks(page: string): Block[] {
  return [...page.matchAll(/^```(\w*)\n(.*?)^```/gms)].map((match) => {
    const above = page.slice(0, match.index);
    // What looks like a heading in another block is a comment of a shell.
    const headings = [...above.replaceAll(/^```.*?^```/gms, '').matchAll(/^#+ (.*)$/gm)];
    return { line: above.split('\n').length, language: match[1]!, section: headings.at(-1)?.[1] ?? '', text: match[2]! };
  });
}
