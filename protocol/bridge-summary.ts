/** What `kubectl get bridges` shows in a line has room for so much, in characters; a Bridge may say more. */
export const summaryLengths = { target: 320, ports: 512, match: 4096 } as const;

/** As much of a text as fits, with an ellipsis in place of the rest. */
export function shorten(text: string, length: number): string {
  const signs = [...text];
  return signs.length <= length ? text : `${signs.slice(0, length - 1).join('')}…`;
}
