/** `docker compose ps --format json`: one object a line, or (before 2.21) one list. */
export function parseList(text: string): unknown[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  return trimmed.startsWith('[') ? JSON.parse(trimmed) as unknown[] : trimmed.split('\n').map((line) => JSON.parse(line) as unknown);
}
