/** Asks an agent for what the target's process has. */
import * as z from 'zod/mini';
import type { BridgeRef } from '../../../protocol/heartbeat.ts';
import { identityPath, type Identity, type IdentityAnswer } from '../../../protocol/identity.ts';
import { askAgent, notForUs } from './ask-agent.ts';

const answered = z.looseObject({ v: z.literal(1), identity: z.looseObject({ env: z.array(z.tuple([z.string(), z.string()])) }) });

export async function fetchIdentity(agent: string, bridge: BridgeRef, localAddress: string, privateKey: string): Promise<Identity> {
  const plain = await askAgent({ agent, path: identityPath(bridge.namespace, bridge.name), localAddress, privateKey });
  if (!answered.safeParse(plain).success) throw notForUs(agent);
  return (plain as IdentityAnswer).identity;
}
