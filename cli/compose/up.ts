/** `bridge compose up`: everything is made (stand-up.ts); in the foreground the logs are followed until Ctrl-C, then everything is undone. */
import { signalExitCodes, watchInterrupts } from '../bridge/interrupts.ts';
import { followBridge } from '../bridge/follow-bridge.ts';
import { keepRenewed } from '../link/renew-relay.ts';
import { Steps } from '../steps/steps.ts';
import { choiceArguments } from './program.ts';
import { standUpProject, type StandingProject, type UpParts, type UpRequest } from './stand-up.ts';

export interface ForegroundParts extends UpParts {
  onReady: (summaries: StandingProject['summaries']) => void;
  /** Lines of the logs instead of Compose's own output. */
  onLine?: (line: string) => void;
}

/** @returns 0, or the exit code of the signal that ended it */
export async function composeUp(request: UpRequest, parts: ForegroundParts): Promise<number> {
  const { host, reporter } = parts;
  const { compose, choice, model, services, detach } = request;
  const steps = new Steps(reporter, () => host.now());
  const since = new Date().toISOString();
  const interrupts = watchInterrupts(host, () => {
    steps.abort(new Error('interrupted'));
    reporter.emit({ type: 'note', text: 'Stopping. Ctrl-C again: at once', at: host.now() });
  });
  try {
    const { link, watches, summaries } = await standUpProject(request, parts, steps);
    parts.onReady(summaries);
    if (detach) {
      steps.keep();
      for (const watch of watches) watch.close();
      link.control.close();
      return 0;
    }
    keepRenewed({ docker: await parts.docker(), cluster: await parts.cluster(), link: link.client }, link.control, steps.signal);
    const ended = watches.map((watch) => followBridge({ watch, reporter, now: () => host.now(), signal: steps.signal }));
    const logs = [...choiceArguments({ ...choice, projectName: model.name }), 'logs', '--follow', '--since', since];
    const followed = parts.onLine === undefined ? compose.inForeground([...logs, ...services]) : compose.run([...logs, '--no-color', ...services], { signal: steps.signal, onLine: parts.onLine });
    const outcome = await Promise.race([followed.then(() => undefined), ...ended, interrupts.first]).catch((error: unknown) => {
      if (!steps.signal.aborted) throw error;
      return interrupts.signal();
    });
    await steps.undo(interrupts.force);
    // It ends with the containers whose log it follows.
    await followed.catch(() => undefined);
    return outcome === undefined ? 0 : signalExitCodes[outcome];
  } catch (error) {
    await steps.undo(interrupts.force);
    const signal = interrupts.signal();
    if (signal !== undefined) return signalExitCodes[signal];
    throw error;
  } finally {
    interrupts.stop();
  }
}
