/** `bridge run`: everything is made (stand-up.ts), then the container's end or Ctrl-C is waited for, then everything is undone. */
import { Steps } from '../steps/steps.ts';
import type { ContainerIo } from './container-io.ts';
import { signalExitCodes, watchInterrupts } from './interrupts.ts';
import type { RunParts, RunRequest } from './run-request.ts';
import { standUp } from './stand-up.ts';

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
