/** Asks an agent for what the target's process has. The answer is sealed for this link's key, so nothing on the way can read it. */
import { get } from 'node:http';
import * as z from 'zod/mini';
import type { BridgeRef } from '../../../protocol/heartbeat.ts';
import { identityPath, type Identity, type IdentityAnswer } from '../../../protocol/identity.ts';
import { open, type SealedMessage } from '../../../protocol/seal.ts';
import { ControlError } from '../control/errors.ts';

export const identityTimeoutMs = 5000;
/** An environment may be as long as the kernel allows for a process (2 MiB), base64 and JSON on top. */
const answerMaxBytes = 8 * 1024 * 1024;

const sealed = z.object({ v: z.literal(1), key: z.string(), nonce: z.string(), box: z.string() }) satisfies z.ZodMiniType<SealedMessage>;
const answered = z.looseObject({ v: z.literal(1), identity: z.looseObject({ env: z.array(z.tuple([z.string(), z.string()])) }) });

interface HttpAnswer {
  status: number;
  body: string;
}

function httpGet(host: string, port: number, path: string, localAddress: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, localAddress, agent: false, signal: AbortSignal.timeout(identityTimeoutMs) }, (response) => {
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

/** @param localAddress the client's WireGuard address, which also leads the request into the tunnel. */
export async function fetchIdentity(agent: string, bridge: BridgeRef, localAddress: string, privateKey: string): Promise<Identity> {
  const [host = '', port = ''] = agent.split(':');
  const answer = await httpGet(host, Number(port), identityPath(bridge.namespace, bridge.name), localAddress).catch((error: unknown) => {
    const why = error instanceof Error ? (error.name === 'TimeoutError' ? `no answer within ${identityTimeoutMs} ms` : error.message) : String(error);
    throw new ControlError('unreachable', `agent ${agent} cannot be reached over the link: ${why}`);
  });
  if (answer.status !== 200) throw new ControlError('refused', `agent ${agent} answered ${answer.status}: ${answer.body.slice(0, 300)}`);
  let plain: unknown;
  try {
    plain = JSON.parse(open(privateKey, sealed.parse(JSON.parse(answer.body))).toString('utf8'));
    answered.parse(plain);
  } catch {
    throw new ControlError('refused', `agent ${agent} gave an answer that was not sealed for this link`);
  }
  return (plain as IdentityAnswer).identity;
}
