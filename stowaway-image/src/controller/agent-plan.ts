/** Which agents to make and which to remove. Pure. */
import { agentPodName } from '../agent-names.ts';
import type { SystemPod } from './pods.ts';

export interface AgentPlanInput {
  /** Nodes with pods of bridges. */
  wanted: ReadonlySet<string>;
  /** Nodes that exist and can run our image. */
  nodes: ReadonlySet<string>;
  agents: Iterable<SystemPod>;
  image: string;
  version: string;
  /** Node to the moment since which it has had no work. */
  idleSince: ReadonlyMap<string, number>;
  idleMs: number;
  now: number;
  versionOf: (agent: SystemPod) => string | undefined;
}

export interface AgentPlan {
  create: string[];
  remove: { agent: SystemPod; why: string }[];
  /** The new {@link AgentPlanInput.idleSince}. */
  idleSince: Map<string, number>;
  /** When an idle agent is due; Infinity when there is none. */
  nextAt: number;
}

export function planAgents({ wanted, nodes, agents, image, version, idleSince, idleMs, now, versionOf }: AgentPlanInput): AgentPlan {
  const plan: AgentPlan = { create: [], remove: [], idleSince: new Map(), nextAt: Infinity };
  const present = new Set<string>();
  for (const agent of agents) {
    present.add(agent.metadata.name);
    if (agent.deleting) continue;
    const remove = (why: string): void => void plan.remove.push({ agent, why });
    if (!nodes.has(agent.node)) remove('its node is gone');
    else if (agent.dead) remove(`it has ended: ${agent.trouble ?? 'for no known reason'}`);
    else if (agent.image !== image || versionOf(agent) !== version) remove('it is of another version');
    else if (!wanted.has(agent.node)) {
      const since = idleSince.get(agent.node) ?? now;
      if (now - since >= idleMs) remove('its node has had no bridged pods for a while');
      else {
        plan.idleSince.set(agent.node, since);
        plan.nextAt = Math.min(plan.nextAt, since + idleMs);
      }
    }
  }
  // One that is ending still has the name: it is made anew when that one is gone, which is a change that leads here again.
  plan.create = [...wanted].filter((node) => nodes.has(node) && !present.has(agentPodName(node)));
  return plan;
}
