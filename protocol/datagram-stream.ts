/**
 * WireGuard datagrams in a byte stream, for the way over the API server: two bytes of length (big-endian), then the datagram.
 * Whatever is no WireGuard message is not passed on, so that a relay's port can carry nothing else.
 */

/** A stream has no fragments to avoid, and cost is per packet: whole Ethernet frames, no smaller ones. */
export const relayMtu = 1500;
/** Above this many bytes that wait in a stream datagrams are dropped, as a network would; a quarter of it halves the throughput, more of it only adds delay. */
export const relayQueueBytes = 256 * 1024;

const lengthBytes = 2;
/** An empty transport message: header, counter, tag (whitepaper 5.4.6). */
const leastBytes = 32;
const mostBytes = 0xffff;
const lastType = 4;

const typeBytes = 4;

/** Types 1 to 4, then three zero bytes (whitepaper 5.4). */
function hasType(bytes: Buffer, at: number): boolean {
  const type = bytes[at] ?? 0;
  return type >= 1 && type <= lastType && bytes[at + 1] === 0 && bytes[at + 2] === 0 && bytes[at + 3] === 0;
}

export function isWireguard(datagram: Buffer): boolean {
  return datagram.length >= leastBytes && datagram.length <= mostBytes && hasType(datagram, 0);
}

export function frame(datagram: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(lengthBytes + datagram.length);
  framed.writeUInt16BE(datagram.length);
  datagram.copy(framed, lengthBytes);
  return framed;
}

/** The other direction: chunks as they come in, whole datagrams out. Throws RangeError on what is no WireGuard message; the stream is of no use then. */
export class Deframer {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const datagrams: Buffer[] = [];
    let at = 0;
    while (data.length - at >= lengthBytes) {
      const length = data.readUInt16BE(at);
      if (length < leastBytes) throw new RangeError('not a WireGuard message');
      // As soon as it can be told: garbage must not be waited for to its end.
      if (data.length - at >= lengthBytes + typeBytes && !hasType(data, at + lengthBytes)) throw new RangeError('not a WireGuard message');
      if (data.length - at < lengthBytes + length) break;
      datagrams.push(data.subarray(at + lengthBytes, at + lengthBytes + length));
      at += lengthBytes + length;
    }
    this.#rest = data.subarray(at);
    return datagrams;
  }
}
