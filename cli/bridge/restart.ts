/** Restarts an app container in place: same address, same bridge. Its port does not answer meanwhile, so requests go to the pods and are not lost. */
import { labels } from '../../protocol/names.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import { BridgeError } from '../errors.ts';
import { projectOf } from '../compose/containers.ts';
import { startLoopback } from './loopback.ts';
import { timing } from '../timing.ts';
import { refOf } from './find-bridge.ts';
import { rest } from './rest.ts';

/** A foreground `bridge run` ends with its container: a restart would be its end. */
export async function restartContainer(docker: Docker, link: string, container: ContainerSummary): Promise<void> {
  if (container.labels[labels.session] !== undefined) {
    const command = projectOf(container) === undefined ? { name: 'run', detached: 'bridge run --detach' } : { name: 'compose up', detached: 'bridge compose up --detach' };
    throw new BridgeError({
      kind: 'refused', code: 'container-in-foreground', what: `container ${container.name} belongs to a bridge ${command.name} in the foreground`, why: 'that ends when its container ends, and a restart is an end',
      next: `Ctrl-C there and run it again, or use ${command.detached}, whose containers can be restarted`,
    });
  }
  const bridge = refOf(container);
  const resting = container.state === 'running' && bridge !== undefined ? await rest(docker, link, bridge).catch(() => undefined) : undefined;
  try {
    await docker.containers.restart(container.id, timing.containerStopTimeoutMs / 1000);
    if (container.labels[labels.loopback] !== undefined) await startLoopback(docker, container.id);
  } finally {
    resting?.end();
  }
}
