/** Where the containers that bring files ask for tickets: a Unix socket on a Docker volume that nobody else has. One line asks, one answers. */
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { ticketSocket, type TicketAnswer } from '../../../protocol/files.ts';
import type { BridgeRef } from '../../../protocol/heartbeat.ts';
import { bridgeRef } from '../control/schemas.ts';

const questionMaxBytes = 4096;
const question = z.object({ bridge: bridgeRef });

export async function serveTickets(find: (bridge: BridgeRef) => Promise<TicketAnswer>, path: string = ticketSocket): Promise<Server> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  const server = createServer((socket) => {
    let text = '';
    const reply = (answer: TicketAnswer): void => { if (socket.writable) socket.end(`${JSON.stringify(answer)}\n`); };
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (chunk: string) => {
      if (text.includes('\n')) return;
      text += chunk;
      if (text.length > questionMaxBytes) { socket.destroy(); return; }
      if (!text.includes('\n')) return;
      answerLine(text, find).then(reply, (error: unknown) => reply({ error: error instanceof Error ? error.message : String(error) }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return server;
}

async function answerLine(text: string, find: (bridge: BridgeRef) => Promise<TicketAnswer>): Promise<TicketAnswer> {
  let asked: unknown;
  try {
    asked = JSON.parse(text);
  } catch {
    throw new Error('not a line of JSON');
  }
  const { success, data } = question.safeParse(asked);
  if (!success) throw new Error('a question names a bridge');
  return await find(data.bridge);
}
