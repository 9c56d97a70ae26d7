/** The way to a bridge's files, from the first of its agents that has one to give. */
import * as z from 'zod/mini';
import { filesPath, type FilesElsewhere, type FilesTicket, type TicketAnswer } from '../../../protocol/files.ts';
import type { BridgeRef } from '../../../protocol/heartbeat.ts';
import { askAgent, notForUs } from '../identity/ask-agent.ts';
import { ControlError } from '../control/errors.ts';
import { agentAddress } from '../control/schemas.ts';

const key = z.string().check(z.regex(/^[A-Za-z0-9+/]{43}=$/));
const volume = z.object({
  name: z.string(), kind: z.string(), class: z.enum(['synced', 'live']), path: z.string(), at: z.string(), readOnly: z.boolean(), type: z.enum(['directory', 'file', 'other']),
});
const ticket = z.object({
  v: z.literal(1), pod: z.object({ name: z.string(), namespace: z.string(), uid: z.string() }), volumes: z.array(volume),
  port: z.int().check(z.minimum(1), z.maximum(65535)), hostKey: key, key, agents: z.array(agentAddress),
}) satisfies z.ZodMiniType<FilesTicket>;
const elsewhere = z.object({ v: z.literal(1), elsewhere: z.array(agentAddress) }) satisfies z.ZodMiniType<FilesElsewhere>;

export interface FoundTicket {
  ticket: FilesTicket;
  /** host:port of the server. */
  address: string;
  /** Whom to ask next time. */
  agents: string[];
}

/** No more are asked for one ticket, however many agents name each other. */
const mostAsked = 32;

/** Throws ControlError; that of the last agent when none has one. */
export async function findTicket(agents: readonly string[], bridge: BridgeRef, localAddress: string, privateKey: string): Promise<FoundTicket> {
  let failure: unknown = new ControlError('refused', `no agent is known for the files of ${bridge.namespace}/${bridge.name}`);
  const asked = new Set<string>();
  const toAsk = [...agents];
  for (let agent = toAsk.shift(); agent !== undefined && asked.size < mostAsked; agent = toAsk.shift()) {
    if (asked.has(agent)) continue;
    asked.add(agent);
    try {
      const plain = await askAgent({ agent, path: filesPath(bridge.namespace, bridge.name), localAddress, privateKey });
      const { data: others } = elsewhere.safeParse(plain);
      if (others !== undefined) {
        toAsk.push(...others.elsewhere);
        failure = new ControlError('refused', `no node has a running pod of ${bridge.namespace}/${bridge.name} now`);
        continue;
      }
      const { data: found } = ticket.safeParse(plain);
      if (found === undefined) throw notForUs(agent);
      return { ticket: found, address: `${agent.split(':')[0]}:${found.port}`, agents: [...new Set([agent, ...found.agents])] };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

export function ticketAnswer({ ticket: { hostKey, key: own }, address }: FoundTicket): TicketAnswer {
  return { address, hostKey, key: own };
}
