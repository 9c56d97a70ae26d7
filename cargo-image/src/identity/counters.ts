/** Asks an agent how many requests of a bridge went where on its node. */
import * as z from 'zod/mini';
import { countersPath, type CountersAnswer } from '../../../protocol/counters.ts';
import type { BridgeRef } from '../../../protocol/heartbeat.ts';
import { askAgent, notForUs } from './ask-agent.ts';

const count = z.number();
const answered = z.looseObject({ v: z.literal(1), epoch: z.string(), counters: z.looseObject({ local: count, original: count, failed: count }) });

export async function fetchCounters(agent: string, bridge: BridgeRef, localAddress: string, privateKey: string): Promise<Pick<CountersAnswer, 'epoch' | 'counters'>> {
  const plain = answered.safeParse(await askAgent({ agent, path: countersPath(bridge.namespace, bridge.name), localAddress, privateKey }));
  if (!plain.success) throw notForUs(agent);
  const { epoch, counters: { local, original, failed } } = plain.data;
  return { epoch, counters: { local, original, failed } };
}
