/** A run as something that begins, stands and ends: `bridge run` and the library are made of it. */
import { keepRenewed } from '../link/renew-relay.ts';
import { Steps } from '../steps/steps.ts';
import type { ContainerIo } from './container-io.ts';
import type { RunParts, RunRequest } from './run-request.ts';
import { standUp, type Standing } from './stand-up.ts';

export interface BegunRun {
  standing: Promise<Standing>;
  signal: AbortSignal;
  /** Gives up what is being made; {@link end} undoes it. */
  abort(reason: unknown): void;
  /** Nothing is undone any more. */
  keep(): void;
  /** Undoes everything, the bridge first. @param force ends waiting for open requests */
  end(force?: AbortSignal): Promise<void>;
}

export function beginRun(request: RunRequest, parts: RunParts): BegunRun {
  const steps = new Steps(parts.reporter, () => parts.host.now());
  let io: ContainerIo | undefined;
  const stand = async (): Promise<Standing> => {
    const standing = await standUp(request, parts, steps, (made) => (io = made));
    if (!request.flags.detach) keepRenewed({ docker: standing.docker, cluster: await parts.cluster(), link: standing.link.client }, standing.link.control, steps.signal);
    return standing;
  };
  const standing = stand();
  standing.catch(() => undefined);
  return {
    standing, signal: steps.signal,
    abort: (reason) => steps.abort(reason),
    keep: () => steps.keep(),
    async end(force) {
      io?.detach();
      if (request.flags.retain) steps.keep();
      await steps.undo(force);
      void standing.then(({ link, watch }) => {
        watch?.close();
        link.control.close();
      }, () => undefined);
    },
  };
}
