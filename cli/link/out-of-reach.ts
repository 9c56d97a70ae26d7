/** A cluster that cannot be asked: what can be known of a link, and removed, is this machine's side. */
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { isBridgeError, type BridgeError } from '../errors.ts';
import { listLinks, type KnownLink } from './list-links.ts';

const codes = ['cluster-unreachable', 'cluster-credentials', 'cluster-unauthorized'];

/** It is the cluster itself that is wrong, and not the question. */
export function isOutOfReach(error: unknown): error is BridgeError {
  return isBridgeError(error) && codes.includes(error.facts.code);
}

/** Links that were made for this context and server, whoever their owner is: only the cluster knows who asks. Those whose cargo runs first. */
export async function linksHere(docker: Docker, { name, server }: Cluster['context']): Promise<KnownLink[]> {
  const links = (await listLinks(docker)).filter((link) => link.context === name && link.server === server);
  return links.sort((a, b) => Number(b.state === 'running') - Number(a.state === 'running'));
}
