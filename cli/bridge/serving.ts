/** Does the container's program accept connections? The agents look, and write it into the bridge's status. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bridge } from '../../protocol/objects.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { BridgeError } from '../errors.ts';
import type { Steps } from '../steps/steps.ts';
import { timing } from '../timing.ts';
import type { Reporter } from '../ui/events.ts';
import type { BridgeWatch } from './bridge-watch.ts';
import { comesBack } from './comes-back.ts';
import { ended, lines } from './container-io.ts';

/** undefined: no agent has looked yet. */
export function servingOf(bridge: Bridge): boolean | undefined {
  const known = (bridge.status?.pods ?? []).flatMap((pod) => (pod.serving === undefined ? [] : [pod.serving]));
  return known.length === 0 ? undefined : known.some((serving) => serving);
}

/** For `--wait`: whoever goes on then sends requests, and any of the pods may get them. */
export function servesEverywhere({ status }: Pick<Bridge, 'status'>): boolean {
  const attached = (status?.pods ?? []).filter(({ ready }) => ready);
  return attached.length > 0 && attached.every(({ serving }) => serving === true);
}

/** Of the container, those that are bridged; datagrams are not looked after. */
export function tcpPorts(bridge: Bridge | undefined): number[] {
  return [...new Set((bridge?.spec.ports ?? []).filter((port) => port.protocol === 'TCP').map((port) => port.local))];
}

export interface ServingQuestion {
  docker: Docker;
  container: string;
  watch: BridgeWatch;
  steps: Steps;
  reporter: Reporter;
  now: () => number;
  /** `--wait`: as long as it takes, or fail. Otherwise a moment, and a warning. */
  wait: boolean;
}

const linesShown = 5;

/** One that is to be waited for is removed when it fails, and its log with it. */
async function lastWords(docker: Docker, container: string, tty: boolean): Promise<string> {
  const said: string[] = [];
  const note = (line: string): void => { if (line.trim() !== '') said.push(line.trimEnd()); };
  const log = await docker.containers.logs(container, { follow: false, tty, tail: linesShown });
  await Promise.all([lines(log.stdout, note), tty ? ended(log.stderr.resume()) : lines(log.stderr, note)]);
  return said.slice(-linesShown).map((line) => `\n    ${line}`).join('');
}

/** Returns when it has ended for good: a restart is no end. */
async function endOf(docker: Docker, container: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const state = await docker.containers.find(container).catch(() => ({ running: true }));
    signal.throwIfAborted();
    if (state?.running !== true && !(await comesBack(docker, container))) return;
    await sleep(timing.servingEndPollMs, undefined, { signal });
  }
}

async function whyNot({ docker, container, watch, wait }: ServingQuestion): Promise<{ why: string; next: string }> {
  const state = await docker.containers.find(container).catch(() => ({ running: true }) as const);
  if (state === undefined) return { why: 'the container has ended and was removed', next: 'the same without --rm, which keeps what it has said' };
  const why = state.running ? 'it is still starting, listens on 127.0.0.1 only, or on another port' : `the container has ended with exit code ${state.exitCode}`;
  const port = 'give its port with --port POD:CONTAINER';
  if (!wait) return { why, next: state.running ? `bridge logs ${watch.ref.name} -n ${watch.ref.namespace}, and ${port}` : `docker logs ${state.name}` };
  // Bridge and container are about to be undone: what they could be asked must stand here.
  const said = await lastWords(docker, container, 'tty' in state && state.tty).catch(() => '');
  return { why: said === '' ? `${why}${state.running ? '; it has said nothing so far' : ' and said nothing'}` : `${why}; its last words:${said}`, next: `the same without --detach, which shows all that the program says${state.running ? `, or ${port}` : ''}` };
}

/** Throws `not-serving` where it is to be waited for and does not come. */
export async function awaitServing(question: ServingQuestion): Promise<void> {
  const { docker, container, watch, steps, reporter, now, wait } = question;
  const ports = tcpPorts(watch.current).join(', ');
  if (ports === '') return;
  const looking = new AbortController();
  const signal = AbortSignal.any([steps.signal, looking.signal]);
  // That it cannot be asked is no end.
  const over = endOf(docker, container, signal).then(() => { throw new Error('the container has ended'); }, () => new Promise<never>(() => undefined));
  const served = (timeoutMs: number) => Promise.race([
    watch.until((bridge) => bridge !== undefined && (wait ? servesEverywhere(bridge) : servingOf(bridge) === true), { timeoutMs, signal, what: () => `nothing listens on port ${ports} of the container` }), over,
  ]);
  const since = now();
  try {
    await (wait ? steps.run({ id: 'serving', title: `Port ${ports} of the container`, act: () => served(timing.servingTimeoutMs), detail: () => 'listens' }) : served(timing.servingNoticeMs));
  } catch (error) {
    steps.signal.throwIfAborted();
    const { why, next } = await whyNot(question);
    if (wait) throw new BridgeError({ kind: 'timeout', code: 'not-serving', what: `nothing listens on port ${ports} of the container after ${Math.round((now() - since) / 1000)} s`, why, next, cause: error });
    reporter.emit({ type: 'warning', code: 'not-listening', text: `nothing listens on port ${ports} of the container yet: requests go to the pods until something does (${why})`, next, at: now() });
  } finally {
    looking.abort();
  }
}
