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

/**
 * @param hubPorts how many this node checks. Each check is a connection through the hub and a laptop's tunnel, from every node: above
 * {@link promptHubPorts} they are so much rarer that there are not more of them. A request that meets a dead port before its check does is led to the original all the same, half a second later.
 */
export function checkedServer(address: string, { http, wary, proxyProtocol }: Check, hubPorts = 1): string[] {
  const { suspectMs, fall, rise, answerMs, ...prompt } = http === undefined ? checkTimings.tcp : checkTimings.http;
  const rarer = Math.max(1, hubPorts / promptHubPorts);
  const [everyMs, downMs] = [Math.round(prompt.everyMs * rarer), Math.round(prompt.downMs * rarer)];
  const [down, up] = wary ? [1, Math.ceil(checkTimings.waryMs / downMs)] : [fall, rise];
  return [
    ...(http === undefined ? [] : [
      'option httpchk', `timeout check ${answerMs}ms`,
      `http-check send meth GET uri ${quote(http.path)} ver HTTP/1.1 hdr host podbridge-check hdr user-agent podbridge-check hdr connection close`,
      'http-check expect status 200-399',
    ]),
    `server s ${address} check${http === undefined ? '' : ` port ${http.port}`}${http?.tls === true ? ' check-ssl verify none' : ''}${proxyProtocol ? ' check-send-proxy' : ''} inter ${everyMs}ms fastinter ${suspectMs}ms downinter ${downMs}ms fall ${down} rise ${up}`,
  ];
}

/** The check of a bridge's hub ports. @param portOf the hub port that stands for a TCP port of the pod; without a number for the first */
export function checkOf(http: HttpCheck | undefined, portOf: (port: number | undefined) => HubPort['port'] | undefined): Check['http'] {
  if (http === undefined) return undefined;
  const port = portOf(http.port);
  return port === undefined ? undefined : { path: http.path, port, tls: http.tls === true };
}
