/** A link's name: found again from the same inputs, so no state file is needed. It names the Client, the network and cargo alike. */
import { createHash } from 'node:crypto';
import { ownerSlug } from '../bridge/owner-slug.ts';

export interface LinkOrigin {
  /** URL of the API server. */
  server: string;
  /** User name as the API server knows it. */
  username: string;
  /** Docker's id: the same user on another machine has another link. */
  dockerId: string;
}

const hashLength = 6;

/** `ann-3f9c1a`; also the name of the Client object. */
export function linkName({ server, username, dockerId }: LinkOrigin): string {
  const hash = createHash('sha256').update(JSON.stringify([server.replace(/\/+$/, ''), username, dockerId])).digest('hex').slice(0, hashLength);
  return `${ownerSlug(username)}-${hash}`;
}

/** Sorts before every other network, because Docker 20 to 27 take the default route from the lowest name. */
export function networkName(link: string): string {
  return `00-podbridge-${link}`;
}

/** The Docker volume through which cargo gives tickets to the containers that bring files. */
export function ticketVolumeName(link: string): string {
  return `podbridge-${link}-tickets`;
}

export function cargoName(link: string): string {
  return `podbridge-${link}`;
}
