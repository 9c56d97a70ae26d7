/** Splits a byte stream into lines without ever decoding half a character. */

const newline = 0x0a;

/** Calls `onLine` for every complete non-empty line. Resolves at the end of the stream; an unfinished last line is dropped, because the sender died in it. */
export async function eachLine(stream: AsyncIterable<Buffer | string>, onLine: (line: string) => void): Promise<void> {
  let pending: Buffer[] = [];
  for await (const piece of stream) {
    const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const line = Buffer.concat([...pending, chunk.subarray(start, end)]).toString('utf8');
      pending = [];
      start = end + 1;
      if (line !== '') onLine(line);
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  }
}
