/** `bridge run`: everything is made (begin-run.ts), then the container's end or Ctrl-C is waited for, then everything is undone. */
import { beginRun } from './begin-run.ts';
import { signalExitCodes, watchInterrupts } from './interrupts.ts';
import type { RunParts, RunRequest } from './run-request.ts';
import type { Standing } from './stand-up.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import { endedByOthers, endedByOwnCommand } from './ended-elsewhere.ts';
import { followBridge } from './follow-bridge.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { isAlive } from '../link/connect-tunnel.ts';
import { timing } from '../timing.ts';

/** @returns the exit code of the container, or of the signal that ended it; 0 when detached. Throws `bridge-ended` when somebody else has ended its bridge. */
export async function run(request: RunRequest, parts: RunParts): Promise<number> {
  const { host, reporter } = parts;
  const interrupts = watchInterrupts(host, () => {
    begun.abort(new Error('interrupted'));
    reporter.emit({ type: 'note', text: 'Stopping. Ctrl-C again: at once', at: host.now() });
  });
  const begun = beginRun(request, parts);
  try {
    const standing = await begun.standing;
    if (request.flags.detach) {
      begun.keep();
      standing.watch?.close();
      standing.link.control.close();
      return 0;
    }
    const { onDifference } = parts;
    if (standing.watch !== undefined && request.traffic?.diff === true && onDifference !== undefined) {
      const { followEvents } = await import('./tap.ts');
      void followEvents(standing.watch, standing.link.control, { onEvent: onDifference, onLost: () => undefined }, begun.signal);
    }
    let ended: Bridge | undefined;
    if (standing.watch !== undefined) void stopWithBridge(standing, standing.watch, parts, begun.signal, (bridge) => { ended = bridge; });
    const outcome = await Promise.race([standing.exited, interrupts.first]);
    if (typeof outcome === 'number') await standing.io?.finished;
    if (typeof outcome === 'number' && parts.amongOthers !== undefined) tellEnd(outcome, parts.amongOthers, parts);
    await begun.end(interrupts.force);
    if (ended !== undefined && typeof outcome === 'number' && !endedByOwnCommand(ended)) throw await endedByOthers(await parts.cluster(), ended);
    return typeof outcome === 'number' ? outcome : signalExitCodes[outcome];
  } catch (error) {
    await begun.end(interrupts.force);
    const signal = interrupts.signal();
    if (signal !== undefined) return signalExitCodes[signal];
    throw error;
  } finally {
    interrupts.stop();
  }
}

/** Of one alone the exit code of the run tells it. Warnings have the name already. */
function tellEnd(exitCode: number, name: string, { host, reporter }: RunParts): void {
  const text = `the container has ended with exit code ${exitCode}`;
  reporter.emit(exitCode === 0 ? { type: 'note', text: `${name}: ${text}`, at: host.now() } : { type: 'warning', code: 'container-ended', text, at: host.now() });
}

/** A bridge that was ended from elsewhere (`bridge stop`, an uninstall) leaves a container that nobody talks to: it ends too, and gives the run its exit code. */
async function stopWithBridge({ docker, containerId, link }: Standing, watch: BridgeWatch, { host, reporter }: RunParts, signal: AbortSignal, onEnded: (bridge: Bridge | undefined) => void): Promise<void> {
  const life = async (): Promise<string | undefined> => {
    const container = await docker.containers.find(containerId());
    if (container?.state !== 'running') return undefined;
    return await link.control.call('status', {}).then(isAlive, () => false) ? `${container.id} ${container.startedAt}` : undefined;
  };
  onEnded(await followBridge({ watch, reporter, now: () => host.now(), signal, life }));
  await docker.containers.stop(containerId(), timing.containerStopTimeoutMs / 1000).catch(() => undefined);
}
