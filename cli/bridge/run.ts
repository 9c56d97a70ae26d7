/** `bridge run`: everything is made (stand-up.ts), then the container's end or Ctrl-C is waited for, then everything is undone. */
import { Steps } from '../steps/steps.ts';
import type { ContainerIo } from './container-io.ts';
import { signalExitCodes, watchInterrupts } from './interrupts.ts';
import type { RunParts, RunRequest } from './run-request.ts';
import { standUp, type Standing } from './stand-up.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import { followBridge } from './follow-bridge.ts';
import { keepRenewed } from '../link/renew-relay.ts';
import { timing } from '../timing.ts';

/** @returns the exit code of the container, or of the signal that ended it; 0 when detached */
export async function run(request: RunRequest, parts: RunParts): Promise<number> {
  const { host, reporter } = parts;
  const steps = new Steps(reporter, () => host.now());
  const { detach, retain } = request.flags;
  const interrupts = watchInterrupts(host, () => {
    steps.abort(new Error('interrupted'));
    reporter.emit({ type: 'note', text: 'Stopping. Ctrl-C again: at once', at: host.now() });
  });
  let io: ContainerIo | undefined;
  const end = async (): Promise<void> => {
    io?.detach();
    if (retain) steps.keep();
    await steps.undo(interrupts.force);
  };
  try {
    const standing = await standUp(request, parts, steps, (made) => (io = made));
    if (detach) {
      steps.keep();
      standing.watch?.close();
      standing.link.control.close();
      return 0;
    }
    keepRenewed({ docker: standing.docker, cluster: await parts.cluster(), link: standing.link.client }, standing.link.control, steps.signal);
    const { onDifference } = parts;
    if (standing.watch !== undefined && request.traffic?.diff === true && onDifference !== undefined) {
      const { followEvents } = await import('./tap.ts');
      void followEvents(standing.watch, standing.link.control, { onEvent: onDifference, onLost: () => undefined }, steps.signal);
    }
    if (standing.watch !== undefined) void stopWithBridge(standing, standing.watch, parts, steps.signal);
    const outcome = await Promise.race([standing.exited, interrupts.first]);
    if (typeof outcome === 'number') await standing.io?.finished;
    await end();
    return typeof outcome === 'number' ? outcome : signalExitCodes[outcome];
  } catch (error) {
    await end();
    const signal = interrupts.signal();
    if (signal !== undefined) return signalExitCodes[signal];
    throw error;
  } finally {
    interrupts.stop();
  }
}

/** A bridge that somebody else has ended (`bridge stop`, an uninstall) leaves a container that nobody talks to: it ends too, and gives the run its exit code. */
async function stopWithBridge({ docker, containerId }: Standing, watch: BridgeWatch, { host, reporter }: RunParts, signal: AbortSignal): Promise<void> {
  await followBridge({ watch, reporter, now: () => host.now(), signal });
  reporter.emit({ type: 'warning', code: 'bridge-ended', text: `bridge ${watch.ref.name} was ended from elsewhere`, next: 'bridge list', at: host.now() });
  await docker.containers.stop(containerId, timing.containerStopTimeoutMs / 1000).catch(() => undefined);
}
