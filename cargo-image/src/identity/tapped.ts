/** Asks an agent for the requests that a bridge of mode tap has seen on its node. */
import * as z from 'zod/mini';
import type { BridgeRef } from '../../../protocol/heartbeat.ts';
import { tapPath, type TapAnswer } from '../../../protocol/tap.ts';
import { askAgent, notForUs } from './ask-agent.ts';

const answered = z.looseObject({ v: z.literal(1), events: z.array(z.looseObject({ at: z.string() })), next: z.int(), lost: z.int() });

/** @param after `next` of the answer before; 0 at first */
export async function fetchTapped(agent: string, bridge: BridgeRef, after: number, localAddress: string, privateKey: string): Promise<TapAnswer> {
  const plain = await askAgent({ agent, path: tapPath(bridge.namespace, bridge.name, after), localAddress, privateKey });
  if (!answered.safeParse(plain).success) throw notForUs(agent);
  return plain as TapAnswer;
}
