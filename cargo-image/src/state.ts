/**
 * What cargo must know again after `docker restart`: the link, the forwards, whose session holds a lifeline, which sessions
 * have ended. Kept in the container's own writable layer, so it goes with the container.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import type { ContainerEgress, Forward, LinkConfig, RelayAccess } from '../../protocol/control.ts';
import type { BridgeRef, SessionRef } from '../../protocol/heartbeat.ts';
import { agentAddress, bridgeRef, containerEgress, forward, linkConfig, relayAccess, sessionRef } from './control/schemas.ts';

/** What is led to and from one bridge's container. */
export interface Led {
  bridge: BridgeRef;
  forwards: Forward[];
  egress?: ContainerEgress | undefined;
}

export interface State {
  link?: LinkConfig;
  relay?: RelayAccess;
  forwards: Led[];
  lifelines: SessionRef[];
  ended: SessionRef[];
  /** Of those whose session has ended, they that still have forwards. Absent in what older versions wrote. */
  closing?: BridgeRef[];
  /** Bridges whose files are brought, and the agents that are asked for them. Absent in what older versions wrote. */
  files?: { bridge: BridgeRef; agents: string[] }[];
}

const schema = z.object({
  link: z.optional(linkConfig),
  relay: z.optional(relayAccess),
  forwards: z.array(z.object({ bridge: bridgeRef, forwards: z.array(forward), egress: z.optional(containerEgress) })),
  lifelines: z.array(sessionRef),
  ended: z.array(sessionRef),
  closing: z.optional(z.array(bridgeRef)),
  files: z.optional(z.array(z.object({ bridge: bridgeRef, agents: z.array(agentAddress) }))),
});

export const noState = (): State => ({ forwards: [], lifelines: [], ended: [] });

export function sameBridge(a: BridgeRef, b: BridgeRef): boolean {
  return a.namespace === b.namespace && a.name === b.name;
}

/** A missing or unreadable file (written by another version) is the empty state: the CLI configures again. */
export async function readState(path: string): Promise<State> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return noState();
  try {
    const { link, relay, closing, files, ...rest } = schema.parse(JSON.parse(text));
    return { ...rest, ...(link === undefined ? {} : { link }), ...(relay === undefined ? {} : { relay }), ...(closing === undefined ? {} : { closing }), ...(files === undefined ? {} : { files }) };
  } catch {
    return noState();
  }
}

/** Atomic: a kill in the middle leaves the old state. */
export async function writeState(path: string, state: State): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
