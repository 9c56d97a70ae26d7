/** The door of this folder. Only types are imported at once; dockerode is loaded by the first connection. */
import type { Host } from '../../host.ts';
import type { Docker } from './docker.ts';

export type * from './docker.ts';

/** Finds the daemon (DOCKER_HOST, DOCKER_CONTEXT, the current context, the default socket). Asks it nothing yet. */
export async function connectDocker(host: Pick<Host, 'env' | 'homeDir'>): Promise<Docker> {
  const { connect } = await import('./connect.ts');
  return connect(host);
}
