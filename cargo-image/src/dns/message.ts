/** The few bytes of a DNS message that a forwarder needs (RFC 1035 section 4.1); everything else passes as it is. */

export const rcodes = { noError: 0, serverFailure: 2, nameError: 3, refused: 5 } as const;

const headerBytes = 12;
const labelMaxBytes = 63;

export function messageId(message: Buffer): number {
  return message.readUInt16BE(0);
}

export function rcode(message: Buffer): number {
  return (message[3] ?? 0) & 0x0f;
}

/** Lower case, without the final dot; undefined when there is no readable question. */
export function questionName(message: Buffer): string | undefined {
  if (message.length <= headerBytes || message.readUInt16BE(4) < 1) return undefined;
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > labelMaxBytes || at + 1 + length > message.length) return undefined;
    if (length === 0) return labels.join('.').toLowerCase();
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
}

/** The query itself as an answer. */
function answerWith(query: Buffer, code: number): Buffer {
  const answer = Buffer.from(query);
  answer[2] = (answer[2] ?? 0) | 0x80;
  answer[3] = 0x80 | code;
  return answer;
}

export function serverFailure(query: Buffer): Buffer {
  return answerWith(query, rcodes.serverFailure);
}

export function noSuchName(query: Buffer): Buffer {
  return answerWith(query, rcodes.nameError);
}
