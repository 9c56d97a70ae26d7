/** HAProxy's checks of a container, at the hub port that stands for it. */
import type { HttpCheck } from '../../../../protocol/traffic.ts';
import type { Check, HubPort } from './model.ts';
import { quote } from './quote.ts';

/** How fast a dead container or link is seen, and believed to be back. A refused connection costs no request anything. */
export const checkTimings = {
  /** The port accepts connections: asked often, because it costs nothing, and believed at once. */
  tcp: { everyMs: 500, suspectMs: 100, downMs: 100, fall: 2, rise: 1, answerMs: 500 },
  /** The application answers: rarer, since it works for that, and with a second for the answer. */
  http: { everyMs: 1000, suspectMs: 250, downMs: 250, fall: 2, rise: 2, answerMs: 1000 },
  /** Up without a break for this long counts, once it has gone up and down too often. */
  waryMs: 3000,
} as const;

/** So many hub ports of a node are checked as fast as can be. */
const promptHubPorts = 50;
/** Doubt of an answer is not drawn out longer than this: a new process begins anew, and soon. */
const mostSuspectMs = 1000;
/** A node that has so much to check may be short of time: what is not answered within half a second is not gone. */
const mostAnswerMs = 2000;
/** So long one of the first checks of a new process may wait for each hub port before it. */
const firstCheckMs = 10;

/**
 * @param hubPorts how many this node checks. Each check is a connection through the hub and a laptop's tunnel, from every node: above
 * {@link promptHubPorts} they are so much rarer that there are not more of them, also when all are in doubt at once. A request that meets a dead port before its check does is led to the original all the same, half a second later.
 */
export function checkedServer(address: string, { http, wary, proxyProtocol }: Check, hubPorts = 1): string[] {
  const { fall, rise, ...prompt } = http === undefined ? checkTimings.tcp : checkTimings.http;
  const rarer = rarity(hubPorts);
  const longer = (ms: number, most = Infinity): number => Math.min(Math.round(ms * rarer), most);
  const [everyMs, downMs, suspectMs, answerMs] = [longer(prompt.everyMs), longer(prompt.downMs), longer(prompt.suspectMs, mostSuspectMs), longer(prompt.answerMs, mostAnswerMs)];
  const [down, up] = wary ? [1, Math.ceil(checkTimings.waryMs / downMs)] : [fall, rise];
  return [
    // No request goes by way of this backend: the time is that of its checks.
    ...(rarer > 1 ? [`timeout connect ${answerMs}ms`] : []),
    ...(http === undefined ? [] : [
      'option httpchk', `timeout check ${answerMs}ms`,
      `http-check send meth GET uri ${quote(http.path)} ver HTTP/1.1 hdr host podbridge-check hdr user-agent podbridge-check hdr connection close`,
      'http-check expect status 200-399',
    ]),
    `server s ${address} check${http === undefined ? '' : ` port ${http.port}`}${http?.tls === true ? ' check-ssl verify none' : ''}${proxyProtocol ? ' check-send-proxy' : ''} inter ${everyMs}ms fastinter ${suspectMs}ms downinter ${downMs}ms fall ${down} rise ${up}`,
  ];
}

/** So many times longer than in {@link checkTimings} are the pauses between checks. */
export function rarity(hubPorts: number): number {
  return Math.max(1, hubPorts / promptHubPorts);
}

/** How many hub ports a node has beyond those that cost next to nothing. */
export function costlyHubPorts(hubPorts: number): number {
  return Math.max(0, hubPorts - promptHubPorts);
}

/** Over so long a new process spreads its first checks: at once while there are few of them, so that no bridge waits for its first. */
export function spreadMs(hubPorts: number): number {
  return firstCheckMs * (1 + costlyHubPorts(hubPorts));
}

/** In which order a new process makes its first checks: those that are not known to serve, then the others, each time beginning with other ones, because the process may be replaced before it comes to the last. */
export function checkOrder(hubPorts: readonly string[], unknown: ReadonlySet<string>, generation: number): string[] {
  const { unsure = [], sure = [] } = Object.groupBy(hubPorts, (name) => (unknown.has(name) ? 'unsure' : 'sure'));
  return [unsure, sure].flatMap((names) => {
    const from = (generation * Math.ceil(names.length / 3)) % Math.max(names.length, 1);
    return [...names.slice(from), ...names.slice(0, from)];
  });
}

/** The check of a bridge's hub ports. @param portOf the hub port that stands for a TCP port of the pod; without a number for the first */
export function checkOf(http: HttpCheck | undefined, portOf: (port: number | undefined) => HubPort['port'] | undefined): Check['http'] {
  if (http === undefined) return undefined;
  const port = portOf(http.port);
  return port === undefined ? undefined : { path: http.path, port, tls: http.tls === true };
}
