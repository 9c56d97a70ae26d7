/** HAProxy's model of what this node bridges, and when a change of it needs a new process. */
import type { Assignment } from './plan.ts';
import type { PodNetwork } from './netns/pod-network.ts';
import type { Frontend } from './proxy/model.ts';

export interface PortFacts {
  network: (uid: string) => PodNetwork | undefined;
  serverFirst: (uid: string, port: number) => boolean;
}

export function frontendId(uid: string, port: number): string {
  return `${uid}_${port}`;
}

/** One frontend for each bridged TCP port of each pod that we are in, whatever number of bridges stand on it. */
export function buildFrontends(assignments: readonly Assignment[], { network, serverFirst }: PortFacts): Frontend[] {
  const frontends = new Map<string, Frontend>();
  for (const { pod, tcp, draining } of assignments) {
    const uid = pod.metadata.uid ?? '';
    const entered = network(uid);
    if (draining || entered === undefined) continue;
    for (const { port, route } of tcp) {
      const id = frontendId(uid, port);
      const frontend = frontends.get(id) ?? {
        id, netns: entered.netns, podAddress: entered.address, port,
        listenPort: entered.listenPort(port, pod.containers.flatMap(({ ports }) => ports)),
        serverFirst: serverFirst(uid, port),
        probes: {
          kinds: [...new Set(pod.containers.flatMap(({ probes }) => probes).flatMap((probe) => (probe.port === port && probe.kind !== 'tcp' ? [probe.kind] : [])))].sort(),
          sources: entered.nodeAddress === undefined ? [] : [entered.nodeAddress],
        },
        routes: [],
      };
      frontend.routes.push(route);
      frontends.set(id, frontend);
    }
  }
  return [...frontends.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What a running configuration lacks. Frontends that are only too many do no harm: no packet is led to them any more. */
export function lacks(running: readonly Frontend[], wanted: readonly Frontend[]): boolean {
  const have = new Map(running.map((frontend) => [frontend.id, JSON.stringify(frontend)]));
  return wanted.some((frontend) => have.get(frontend.id) !== JSON.stringify(frontend));
}
