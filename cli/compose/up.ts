/** `bridge compose up`: everything is made (stand-up.ts); in the foreground the logs are followed until all has ended or Ctrl-C, then everything is undone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { later } from '../bridge/take-place.ts';
import { signalExitCodes, watchInterrupts } from '../bridge/interrupts.ts';
import { followBridge } from '../bridge/follow-bridge.ts';
import { exitCodes } from '../errors.ts';
import { keepRenewed } from '../link/renew-relay.ts';
import { Steps } from '../steps/steps.ts';
import { timing } from '../timing.ts';
import { projectContainers, serviceOf } from './containers.ts';
import { followEnds, namesOf, overServices, type Ended, type EndPolicy } from './ends.ts';
import { choiceArguments } from './program.ts';
import { standUpProject, type StandingProject, type UpParts, type UpRequest } from './stand-up.ts';

export interface ForegroundParts extends Omit<UpParts, 'onStopped'> {
  onReady: (summaries: StandingProject['summaries']) => void;
  /** Lines of the logs instead of Compose's own output. */
  onLine?: (line: string) => void;
}

function endWords({ service, exitCode }: Ended, { joined }: UpRequest): string {
  return `${service} exited with code ${exitCode}${joined.get(service)?.target === undefined ? '' : ': requests go to the pods'}`;
}

/** @returns the exit code as `docker compose up` gives it (ends.ts), or that of the signal that ended it */
export async function composeUp(request: UpRequest & { policy: EndPolicy }, parts: ForegroundParts): Promise<number> {
  const { host, reporter } = parts;
  const { compose, choice, model, services, detach, policy } = request;
  const steps = new Steps(reporter, () => host.now());
  const since = new Date().toISOString();
  let codeOfStopped: number | undefined;
  const interrupts = watchInterrupts(host, () => {
    steps.abort(new Error('interrupted'));
    reporter.emit({ type: 'note', text: 'Stopping. Ctrl-C again: at once', at: host.now() });
  });
  try {
    const { link, watches, summaries } = await standUpProject(request, {
      ...parts, async onStopped(docker) {
        if (policy.exitCodeFrom === undefined) return;
        const chosen = (await projectContainers(docker, model.name)).find((container) => serviceOf(container) === policy.exitCodeFrom);
        codeOfStopped = chosen === undefined ? undefined : (await docker.containers.find(chosen.id))?.exitCode;
      },
    }, steps);
    parts.onReady(summaries);
    if (detach) {
      steps.keep();
      for (const watch of watches) watch.close();
      link.control.close();
      return 0;
    }
    const docker = await parts.docker();
    keepRenewed({ docker, cluster: await parts.cluster(), link: link.client }, link.control, steps.signal);
    const ended = watches.map((watch) => followBridge({ watch, reporter, now: () => host.now(), signal: steps.signal }).then(() => undefined));
    const enough = new AbortController();
    const { onLine } = parts;
    if (onLine === undefined) await reporter.share?.();
    const show = async (...args: string[]): Promise<void> => {
      const logs = [...choiceArguments({ ...choice, projectName: model.name }), 'logs', '--since', since, ...args];
      await (onLine === undefined ? compose.inForeground(logs, enough.signal) : compose.run([...logs, '--no-color'], { signal: enough.signal, onLine }));
    };
    // Compose's follower ends with the containers that it follows, but never where one of them has ended before.
    const over = await overServices(docker, model, services);
    const past = later(over.length === 0 ? Promise.resolve() : show(...over));
    const going = over.length === 0 ? services : namesOf(model, services).filter((name) => !over.includes(name));
    const followed = later(past.then(() => (over.length > 0 && going.length === 0 ? undefined : show('--follow', ...going))));
    const lastLines = (): Promise<unknown> => Promise.race([followed.catch(() => undefined), sleep(timing.composeLastLinesMs, undefined, { ref: false })]);
    const ends = later(followEnds({ docker, model, services, policy, signal: steps.signal, onEnd: (each) => reporter.emit({ type: 'note', text: endWords(each, request), at: host.now() }) }));
    const all = past.then(() => ends).then(async (end) => {
      if (!policy.abortOnContainerExit && policy.exitCodeFrom === undefined) await lastLines();
      return end;
    });
    const outcome = await Promise.race([followed.then(() => all), all, ...ended.map((each) => each.then(() => (policy.exitCodeFrom === undefined ? undefined : 'stopped' as const))), interrupts.first]).catch((error: unknown) => {
      if (!steps.signal.aborted) throw error;
      return interrupts.signal();
    });
    await steps.undo(interrupts.force);
    await lastLines();
    enough.abort();
    await followed.catch(() => undefined);
    if (outcome === 'stopped') return codeOfStopped ?? exitCodes.defect;
    return typeof outcome === 'string' ? signalExitCodes[outcome] : outcome ?? 0;
  } catch (error) {
    await steps.undo(interrupts.force);
    const signal = interrupts.signal();
    if (signal !== undefined) return signalExitCodes[signal];
    throw error;
  } finally {
    interrupts.stop();
  }
}
