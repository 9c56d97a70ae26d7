/** What `bridge up` and `bridge down` answer. */
import type { CommandResult } from '../command.ts';
import type { Link } from './connect-link.ts';
import type { Disconnected } from './disconnect-link.ts';

export function upAnswer(link: Omit<Link, 'control'>, context: string, elapsedMs: number): CommandResult {
  const { client, owner, transport, endpoint, network, subnet, address, created, revived = false, cargo, status } = link;
  const rttMs = status.rttMs.at(-1) ?? null;
  return {
    data: { link: client, context, owner, transport, endpoint, network, subnet, address, container: cargo, rttMs, created, revived, elapsedMs },
    text: `${created ? 'Connected' : revived ? 'Connected again' : 'Connected already'} to context ${context} as ${client}: ${transport} by ${endpoint}${rttMs === null ? '' : `, ${rttMs} ms`}. Containers of network ${network} are in the cluster's network.`,
  };
}

/** @param links one; several when the cluster could not be asked whose link it is */
export function downAnswer(context: string, links: (Disconnected & { link: string })[]): CommandResult {
  const all = <T>(part: (link: Disconnected) => T[]): T[] => links.flatMap(part);
  const [bridges, containers, networks, volumes] = [all((link) => link.bridges), all((link) => link.containers), all((link) => link.networks), all((link) => link.volumes)];
  const nothing = bridges.length + containers.length + networks.length + volumes.length === 0 && !links.some(({ client }) => client);
  const ended = bridges.length === 0 ? '' : ` Ended: ${bridges.map(({ namespace, name }) => `${namespace}/${name}`).join(', ')}.`;
  return {
    data: { link: links[0]?.link ?? null, context, bridges, containers, networks, volumes, removed: !nothing },
    text: nothing ? `There was no link to context ${context}.` : `Disconnected from context ${context}.${ended}`,
  };
}
