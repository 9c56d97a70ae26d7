/**
 * The control connection to a cargo that runs already, opened while the cluster is still being asked: Docker takes longer for it
 * than for all else that a warm link needs. Whether that cargo stays is known only later; then it is taken, or dropped.
 */
import type { Docker } from '../adapters/docker/index.ts';
import { openRunningControl, type Control } from './control-client.ts';

export interface ControlAhead {
  /** The connection to this container, once; undefined: there is none to it. */
  take(containerId: string): Promise<Control | undefined>;
  /** Closes it, unless it was taken. */
  drop(): void;
}

/** Never fails: what is wrong is said where the connection is needed. @param link its name, when it is known */
export function openControlAhead(docker: Docker, link: Promise<string>): ControlAhead {
  const opened = link.then((name) => openRunningControl(docker, name)).catch(() => undefined);
  let over = false;
  return {
    async take(containerId) {
      const found = await opened;
      if (over || found?.id !== containerId) return undefined;
      over = true;
      return found.control;
    },
    drop() {
      if (over) return;
      over = true;
      void opened.then((found) => found?.control.close());
    },
  };
}
