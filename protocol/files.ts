/** Files of the target's container: which volumes it has, and the way to them. Given only to the bridge's client, as the identity is. */
import type { BridgeRef } from './heartbeat.ts';

/**
 * How a volume comes to the laptop unless the user says otherwise: `synced` ones (small, read-only, written by the kubelet) as copies that are kept
 * equal, `live` ones over the network.
 */
export type VolumeClass = 'synced' | 'live';

/** One volume mount of the target's container, as its pod declares it and its process has it. */
export interface PodVolume {
  /** Name of the volume in the pod. Several mounts may have the same. */
  name: string;
  /** Its kind, the field of the pod's volume: `configMap`, `persistentVolumeClaim`. */
  kind: string;
  class: VolumeClass;
  /** As the pod declares it; it may lead through symlinks of the image (`/var/run`). */
  path: string;
  /** Where it really is in the container: the name under which the server shows it. */
  at: string;
  readOnly: boolean;
  /** other: a socket or device, of which nothing can be shown. */
  type: 'directory' | 'file' | 'other';
}

/** GET on the agent's port; answers 200 with a sealed {@link FilesTicket} or {@link FilesElsewhere}, 404 when this agent has no pod of the bridge, 503 while its container does not run. */
export function filesPath(namespace: string, bridge: string): string {
  return `/v1/bridges/${namespace}/${bridge}/files`;
}

/** The way to the files: an SSH server on the agent's address whose only users are bridges. Valid as long as the bridge and the agent are. */
export interface FilesTicket {
  v: 1;
  pod: { name: string; namespace: string; uid: string };
  volumes: PodVolume[];
  port: number;
  /** Raw Ed25519 public key of the server, base64. */
  hostKey: string;
  /** Seed of the bridge's own Ed25519 key, base64. */
  key: string;
  /** All agents that have pods of the bridge now: to be asked when this one is gone. */
  agents: string[];
}

/** An agent that has no pod of the bridge (any more) names those that have. */
export interface FilesElsewhere {
  v: 1;
  /** ADDRESS:PORT of agents. */
  elsewhere: string[];
}

/** What the command needs to know of it. */
export type FilesOffer = Pick<FilesTicket, 'pod' | 'volumes'>;

/** Folder in cargo and in the containers that bring files, on one Docker volume; cargo gives tickets at the socket in it: one line of JSON asks, one answers. */
export const ticketFolder = '/run/podbridge/tickets';
export const ticketSocket = `${ticketFolder}/socket`;

export interface TicketQuestion {
  bridge: BridgeRef;
}

export type TicketAnswer = { address: string; hostKey: string; key: string } | { error: string };
