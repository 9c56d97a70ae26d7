/** Which rules a pod gets, whether they are in force, and why they cannot be. */
import type { PodRulesCheck } from '../../../protocol/rules-check.ts';
import { frontendId } from './frontends.ts';
import type { PodNetwork } from './netns/pod-network.ts';
import type { PodRules } from './netns/tables.ts';
import type { Assignment } from './plan.ts';
import type { Frontend } from './proxy/model.ts';

export interface RulesFacts {
  uid: string;
  /** The kubelet's probes come from there. */
  nodeAddress: string | undefined;
  /** HAProxy has these; nothing else is led to it. */
  frontends: readonly Frontend[];
  /** Ports for which probes are answered, because the process that has them stands still. */
  answered: ReadonlySet<number>;
}

export function rulesFor(assignments: readonly Assignment[], { uid, nodeAddress, frontends, answered }: RulesFacts): Pick<PodRules, 'tcp' | 'udp'> {
  const mine = assignments.filter(({ pod, draining }) => pod.metadata.uid === uid && !draining);
  const wanted = new Set([...mine.flatMap(({ tcp }) => tcp.map(({ port }) => port)), ...answered].map((port) => frontendId(uid, port)));
  const probed = new Set(mine.flatMap(({ pod }) => pod.containers.flatMap(({ probes }) => probes.filter(({ kind }) => kind === 'tcp').map(({ port }) => port))));
  const tcp = frontends.filter(({ id }) => wanted.has(id)).map(({ port, listenPort }) => ({
    port, listenPort, exclude: probed.has(port) && !answered.has(port) && nodeAddress !== undefined ? [nodeAddress] : [],
  }));
  return { tcp, udp: mine.flatMap(({ udp }) => udp) };
}

/** Looked up in the kernel, not remembered. @param network undefined: the pod is not entered */
export async function checkRules({ pod, tcp, udp }: Assignment, network: PodNetwork | undefined): Promise<PodRulesCheck> {
  if (network === undefined) return { pod: pod.metadata.name, entered: false, ports: [] };
  const force = await network.inForce();
  return {
    pod: pod.metadata.name, entered: true, ports: [
      ...tcp.map(({ port }) => ({ port, protocol: 'TCP' as const, rule: force.tcp.has(port), listener: force.listening.has(network.listenerOf(port) ?? -1) })),
      ...udp.map(({ port }) => ({ port, protocol: 'UDP' as const, rule: force.udp.has(port), listener: null })),
    ],
  };
}

/** The kernel's answer to an expression that it does not have is ENOENT or EOPNOTSUPP for the whole line. */
export function nftTrouble(error: string, node: string): string {
  const noTproxy = /tproxy/.test(error) && /No such file or directory|Operation not supported/.test(error);
  return noTproxy
    ? `the kernel of node ${node} has no nft tproxy (CONFIG_NFT_TPROXY, module nft_tproxy), which bridging needs`
    : `the rules cannot be applied: ${error.slice(0, 300)}`;
}
