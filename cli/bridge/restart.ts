/** Restarts an app container in place: same address, same bridge. Its port does not answer meanwhile, so requests go to the pods and are not lost. */
import { labels } from '../../protocol/names.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import { BridgeError } from '../errors.ts';
import { openControl, type Control } from '../link/control-client.ts';
import { cargoName } from '../link/link-name.ts';
import { startLoopback } from './loopback.ts';
import { timing } from '../timing.ts';
import { refOf } from './find-bridge.ts';

/** A foreground `bridge run` ends with its container: a restart would be its end. */
export async function restartContainer(docker: Docker, link: string, container: ContainerSummary): Promise<void> {
  if (container.labels[labels.session] !== undefined) {
    throw new BridgeError({
      kind: 'refused', code: 'container-in-foreground', what: `container ${container.name} belongs to a bridge run in the foreground`, why: 'that ends when its container ends, and a restart is an end',
      next: 'Ctrl-C there and run it again, or use bridge run --detach, whose containers can be restarted',
    });
  }
  const resting = container.state === 'running' ? await rest(docker, link, container).catch(() => undefined) : undefined;
  try {
    await docker.containers.restart(container.id, timing.containerStopTimeoutMs / 1000);
    if (container.labels[labels.loopback] !== undefined) await startLoopback(docker, container.id);
  } finally {
    resting?.close();
  }
}

/**
 * What is new goes to the pods already, what is open may finish, and clients that keep idle connections open others. Without it,
 * whatever the container is working on at that moment would be lost. Lasts as long as the connection to cargo.
 */
async function rest(docker: Docker, link: string, container: ContainerSummary): Promise<Control | undefined> {
  const bridge = refOf(container);
  const cargo = bridge === undefined ? undefined : await docker.containers.find(cargoName(link));
  if (bridge === undefined || cargo?.running !== true) return undefined;
  const control = await openControl(docker, cargo.id);
  try {
    await control.call('rest', { bridge });
  } catch (error) {
    control.close();
    throw error;
  }
  await new Promise((resolve) => setTimeout(resolve, timing.restMs));
  return control;
}
