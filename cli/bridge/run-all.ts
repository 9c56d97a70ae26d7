/** `bridge run` of one or several services: several share one link, and the lines of each begin with its name. */
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { Steps } from '../steps/steps.ts';
import { namedReporters } from '../ui/named-reporters.ts';
import { run } from './run.ts';
import type { RunParts, RunRequest } from './run-request.ts';
import type { UsableLink } from './needs.ts';

export interface RunAllParts extends Omit<RunParts, 'onLine' | 'openLink'> {
  openLink: (docker: Docker, cluster: Awaited<ReturnType<RunParts['cluster']>>, steps: Steps) => Promise<UsableLink & { another(): Promise<UsableLink> }>;
  onLine?: (stream: 'stdout' | 'stderr', line: string, service: string) => void;
}

/** Signals of the process, and one that we send ourselves: when one run fails, the others end as if they were told to. */
export function withStop(host: Host): { host: Host; stop: () => void } {
  const handlers = new Set<Parameters<Host['onSignal']>[0]>();
  return {
    stop: () => [...handlers].forEach((handler) => handler('SIGTERM')),
    host: {
      ...host,
      onSignal(handler) {
        const forget = host.onSignal(handler);
        handlers.add(handler);
        return () => {
          handlers.delete(handler);
          forget();
        };
      },
    },
  };
}

/** @returns the exit code of the first container that did not end with 0 */
export async function runAll(requests: readonly RunRequest[], parts: RunAllParts): Promise<number> {
  const { onLine, openLink, ...shared } = parts;
  const { host, reporter } = shared;
  const [only] = requests;
  if (requests.length === 1) return run(only!, { ...shared, openLink, ...(onLine === undefined ? {} : { onLine: (stream, line) => onLine(stream, line, only!.base ?? '') }) });

  const steps = new Steps(reporter, () => host.now());
  let opened: ReturnType<typeof openLink> | undefined;
  const width = Math.max(...requests.map(({ base = '' }) => base.length));
  const prefixed = (name: string) => (stream: 'stdout' | 'stderr', line: string) => (onLine === undefined ? void host[stream].write(`${name.padEnd(width)} | ${line}\n`) : onLine(stream, line, name));
  const docker = parts.docker();
  const reporterOf = namedReporters(reporter);
  const { host: stoppable, stop } = withStop(host);
  let failure: { error: unknown } | undefined;
  const started = requests.map((request) => {
    const name = request.base ?? request.flags.image;
    return run(request, {
      ...shared, amongOthers: name, host: stoppable, reporter: reporterOf(name), onLine: prefixed(name), docker: () => docker,
      // The first that asks opens it; each speaks with cargo over a connection of its own.
      openLink: async (itsDocker, cluster) => (await (opened ??= openLink(itsDocker, cluster, steps))).another(),
    }).catch((error: unknown) => {
      failure ??= { error };
      stop();
      return 0;
    });
  });
  const codes = await Promise.all(started);
  if (requests.some(({ flags }) => flags.detach || flags.retain) && failure === undefined) steps.keep();
  await opened?.then(({ control }) => control.close(), () => undefined);
  await steps.undo();
  if (failure !== undefined) throw failure.error;
  return codes.find((code) => code !== 0) ?? 0;
}
