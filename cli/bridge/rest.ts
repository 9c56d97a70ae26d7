/** Keeps new requests from a container that is about to be stopped, so that it loses none of what it is working on. */
import type { BridgeRef } from '../../protocol/heartbeat.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { openRunningControl } from '../link/control-client.ts';
import { timing } from '../timing.ts';

export interface Rest {
  /** New requests come again. */
  end(): void;
}

/**
 * What is new goes to the pods, what is open may finish, and clients that keep idle connections open others. Returns when this has
 * had time to happen; without cargo at once, since then nothing comes anyway. Lasts as long as its connection to cargo.
 *
 * @param link its name
 */
export async function rest(docker: Docker, link: string, bridge: BridgeRef): Promise<Rest> {
  const control = (await openRunningControl(docker, link))?.control;
  if (control === undefined) return { end: () => undefined };
  try {
    await control.call('rest', { bridge });
  } catch (error) {
    control.close();
    throw error;
  }
  await new Promise((resolve) => setTimeout(resolve, timing.restMs));
  return { end: () => control.close() };
}
