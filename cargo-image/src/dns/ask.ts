/** One question to one server, over UDP or TCP, bytes in and bytes out. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { messageId } from './message.ts';

export const answerTimeoutMs = 5000;
/** A datagram that was lost on the way is sent once more. */
const resendMs = 1000;
const dnsPort = 53;

/** A socket for each question: a fresh source port is what makes answers hard to forge. */
export function askUdp(server: string, query: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const timers = [
      setTimeout(() => socket.send(query), resendMs),
      setTimeout(() => finish(() => reject(new Error(`${server} does not answer`))), answerTimeoutMs),
    ];
    const finish = (then: () => void): void => {
      for (const timer of timers) clearTimeout(timer);
      socket.removeAllListeners('message');
      socket.close();
      then();
    };
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('message', (answer) => {
      if (answer.length >= 12 && messageId(answer) === messageId(query)) finish(() => resolve(answer));
    });
    socket.connect(dnsPort, server, () => socket.send(query));
  });
}

export function askTcp(server: string, query: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server, port: dnsPort, timeout: answerTimeoutMs });
    const reader = createFrameReader((answer) => {
      resolve(answer);
      socket.destroy();
    });
    socket.on('connect', () => socket.write(frame(query)));
    socket.on('data', reader);
    socket.on('timeout', () => socket.destroy(new Error(`${server} does not answer`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${server} closed the connection`)));
  });
}

/** DNS over TCP: each message behind its length (RFC 1035 section 4.2.2). */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

export function createFrameReader(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const length = rest.readUInt16BE(0);
      onMessage(Buffer.from(rest.subarray(2, 2 + length)));
      rest = rest.subarray(2 + length);
    }
  };
}
