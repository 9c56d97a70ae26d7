/** Asks an agent whether a bridge's rules are in force in the pods of its node. */
import * as z from 'zod/mini';
import type { BridgeRef } from '../../../protocol/heartbeat.ts';
import { rulesCheckPath, type RulesCheckAnswer } from '../../../protocol/rules-check.ts';
import { askAgent, notForUs } from './ask-agent.ts';

const answered = z.object({
  v: z.literal(1),
  pods: z.array(z.object({
    pod: z.string(), entered: z.boolean(), ports: z.array(z.object({ port: z.number(), protocol: z.enum(['TCP', 'UDP']), rule: z.boolean(), listener: z.nullable(z.boolean()) })),
  })),
}) satisfies z.ZodMiniType<RulesCheckAnswer>;

export async function fetchRulesCheck(agent: string, bridge: BridgeRef, localAddress: string, privateKey: string): Promise<Pick<RulesCheckAnswer, 'pods'>> {
  const plain = answered.safeParse(await askAgent({ agent, path: rulesCheckPath(bridge.namespace, bridge.name), localAddress, privateKey }));
  if (!plain.success) throw notForUs(agent);
  return { pods: plain.data.pods };
}
