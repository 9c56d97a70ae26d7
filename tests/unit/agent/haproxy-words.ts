/** How HAProxy cuts a configuration line into words (configuration manual 2.2): an independent reading of the rules, to test our quoting against. */

export function haproxyWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '' | "'" | '"' = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? '';
    if (quote === "'") {
      if (c === "'") quote = '';
      else word += c;
    } else if (c === '\\') {
      i += 1;
      word = (word ?? '') + (line[i] ?? '');
    } else if (quote === '"') {
      if (c === '"') quote = '';
      else if (c === '$') throw new Error('a variable is expanded here');
      else word += c;
    } else if (c === "'" || c === '"') {
      quote = c;
      word ??= '';
    } else if (c === '#') {
      break;
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + c;
    }
  }
  if (quote !== '') throw new Error('a quote is not closed');
  if (word !== undefined) words.push(word);
  return words;
}
