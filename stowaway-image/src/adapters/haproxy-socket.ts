/** HAProxy's runtime API over its unix socket (management guide 9.3), one connection that stays, in interactive mode. */
import { connect, type Socket } from 'node:net';

/** Commands are answered from memory; only a starved machine takes seconds. A socket that was given up cannot be had again. */
const answerTimeoutMs = 60_000;
const prompt = '\n> ';

export class HaproxySocket {
  readonly #socket: Socket;
  #pending: { resolve: (answer: string) => void; reject: (error: Error) => void; timer: NodeJS.Timeout }[] = [];
  #received = '';
  #closed: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('HAProxy closed its runtime socket')));
  }

  /** @throws when nobody listens there (yet) */
  static async open(path: string): Promise<HaproxySocket> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const opened = new HaproxySocket(socket);
    await opened.ask('prompt');
    return opened;
  }

  /** The answer to one command, without the prompt. */
  async ask(command: string): Promise<string> {
    if (this.#closed !== undefined) throw this.#closed;
    return await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => this.#socket.destroy(new Error(`HAProxy did not answer ${JSON.stringify(command)} within ${answerTimeoutMs} ms`)), answerTimeoutMs);
      this.#pending.push({ resolve, reject, timer });
      this.#socket.write(`${command}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    this.#received += chunk;
    for (let end = this.#received.indexOf(prompt); end >= 0; end = this.#received.indexOf(prompt)) {
      const answer = this.#received.slice(0, end);
      this.#received = this.#received.slice(end + prompt.length);
      const first = this.#pending.shift();
      clearTimeout(first?.timer);
      first?.resolve(answer.trim());
    }
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    for (const { reject, timer } of this.#pending.splice(0)) {
      clearTimeout(timer);
      reject(this.#closed);
    }
  }
}
