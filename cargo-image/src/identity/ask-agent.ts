/** One question to an agent over the tunnel. The answer is sealed for this link's key, so nothing on the way can read it. */
import { get } from 'node:http';
import * as z from 'zod/mini';
import { open, type SealedMessage } from '../../../protocol/seal.ts';
import { ControlError } from '../control/errors.ts';

export const agentTimeoutMs = 5000;
/** An environment may be as long as the kernel allows for a process (2 MiB), base64 and JSON on top. */
const answerMaxBytes = 8 * 1024 * 1024;

const sealed = z.object({ v: z.literal(1), key: z.string(), nonce: z.string(), box: z.string() }) satisfies z.ZodMiniType<SealedMessage>;

interface HttpAnswer {
  status: number;
  body: string;
}

function httpGet(host: string, port: number, path: string, localAddress: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, localAddress, agent: false, signal: AbortSignal.timeout(agentTimeoutMs) }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > answerMaxBytes) request.destroy(new Error('the answer is too long'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

export interface AgentQuestion {
  /** `address:port`. */
  agent: string;
  path: string;
  /** The client's WireGuard address, which also leads the request into the tunnel. */
  localAddress: string;
  privateKey: string;
}

/** What was inside the seal; its shape is the caller's to check. */
export async function askAgent({ agent, path, localAddress, privateKey }: AgentQuestion): Promise<unknown> {
  const [host = '', port = ''] = agent.split(':');
  const answer = await httpGet(host, Number(port), path, localAddress).catch((error: unknown) => {
    const why = error instanceof Error ? (error.name === 'TimeoutError' ? `no answer within ${agentTimeoutMs} ms` : error.message) : String(error);
    throw new ControlError('unreachable', `agent ${agent} cannot be reached over the link: ${why}`);
  });
  if (answer.status !== 200) throw new ControlError('refused', `agent ${agent} answered ${answer.status}: ${answer.body.slice(0, 300)}`);
  try {
    return JSON.parse(open(privateKey, sealed.parse(JSON.parse(answer.body))).toString('utf8'));
  } catch {
    throw notForUs(agent);
  }
}

export function notForUs(agent: string): ControlError {
  return new ControlError('refused', `agent ${agent} gave an answer that was not sealed for this link`);
}
