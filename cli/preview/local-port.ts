/** A port of the loopback for one's own browser. */
import { get } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Free just now; another program may still be quicker. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => { server.once('error', reject); server.listen(0, '127.0.0.1', () => resolve()); });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

const pollMs = 50;

/** Resolves with true when HTTP is answered there, with whatever status; with false when it is not in time, or the signal came. */
export async function untilAnswered(url: string, limitMs: number, signal: AbortSignal): Promise<boolean> {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline && !signal.aborted; await sleep(pollMs)) {
    const answered = await new Promise<boolean>((resolve) => {
      const request = get(url, (response) => { response.resume(); resolve(true); });
      request.setTimeout(limitMs, () => request.destroy(new Error('silent')));
      request.on('error', () => resolve(false));
    });
    if (answered) return true;
  }
  return false;
}
