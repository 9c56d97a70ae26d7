/** Was the end of a container a restart (`docker restart`)? Then the run goes on with it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Docker } from '../adapters/docker/index.ts';
import { timing } from '../timing.ts';

/** True when it runs again. One that ended by itself is not waited for: Docker tells whether somebody asked for its end. */
export async function comesBack(docker: Docker, container: string): Promise<boolean> {
  try {
    const sinceMs = Date.now() - timing.containerStopTimeoutMs - timing.restartLimitMs;
    if ((await docker.pastEvents({ type: 'container', events: ['kill'], container }, sinceMs)).length === 0) return false;
    for (const deadline = Date.now() + timing.restartLimitMs; Date.now() < deadline; await sleep(timing.restartPollIntervalMs)) {
      const found = await docker.containers.find(container);
      if (found === undefined) return false;
      if (found.running) return true;
    }
    return false;
  } catch {
    return false;
  }
}
