/** Ends an app container as `docker stop` does, and removes it with its anonymous volumes. */
import type { Docker } from '../adapters/docker/index.ts';
import { timing } from '../timing.ts';

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** SIGTERM, then SIGKILL after a while, or at once with `force`. Gone already: nothing happens. */
export async function removeContainer(docker: Docker, id: string, force: AbortSignal, waiting: (waitingFor: string) => void = () => undefined): Promise<void> {
  waiting('its process to end');
  if (!force.aborted) await Promise.race([docker.containers.stop(id, timing.containerStopTimeoutMs / 1000).catch(() => false), aborted(force)]);
  await docker.containers.remove(id, { force: true, volumes: true });
}
