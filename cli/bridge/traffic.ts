/** From flags: what happens to the requests of a bridge. */
import { certificatePathPattern, checkPathPattern, mostDelayMs, type Fallback, type Fault, type HttpCheck, type PodCertificate, type Traffic } from '../../protocol/traffic.ts';
import { BridgeError } from '../errors.ts';
import { mountedCertificate } from '../target/mounted-certificate.ts';
import type { ResolvedTarget } from '../target/resolve-target.ts';

export interface TrafficFlags {
  /** One of the choices already. */
  fallback: string | undefined;
  check: string | undefined;
  tlsCert: string | undefined;
  tlsSecret: string | undefined;
  plaintext: boolean;
  proxyProtocol: boolean;
  freeze?: boolean;
  /** One of the choices already. */
  mode: string | undefined;
  diff?: boolean;
  delay: string | undefined;
  fault: string | undefined;
  /** Are there rules? */
  ruled: boolean;
}

/** What was asked for; where a Secret's certificate is, the target must tell. */
export interface TrafficRequest extends Traffic {
  tlsSecret?: string;
}

const checkForms = '--check tcp, --check http:/healthz, --check http:8080/healthz or --check https:...';

/** `tcp`, `http:PATH` or `http:PORT/PATH`, or the same with https. Undefined: its port accepts connections. */
export function parseCheck(text: string): HttpCheck | undefined {
  if (text === 'tcp') return undefined;
  const fail = (why: string): BridgeError => new BridgeError({ kind: 'usage', code: 'check-malformed', what: `--check '${text}' is no check`, why, next: checkForms });
  const [, secure, port, path] = /^http(s?):(\d*)(\/.*)$/s.exec(text) ?? [];
  const tls = secure === 's' ? { tls: true } : {};
  if (path === undefined) throw fail('it is neither tcp, http:PATH nor https:PATH');
  if (!checkPathPattern.test(path)) throw fail('the path has a blank or another character that a request line cannot have');
  if (port === undefined || port === '') return { path, ...tls };
  const number = Number(port);
  if (number < 1 || number > 65535) throw fail(`${port} is no port number (1 to 65535)`);
  return { path, port: number, ...tls };
}

/** `CERT` or `CERT,KEY`: absolute paths in the target's container. */
export function parseCertificate(text: string): PodCertificate {
  const [cert = '', key, ...more] = text.split(',');
  const bad = more.length > 0 ? undefined : [cert, ...(key === undefined ? [] : [key])].find((path) => !certificatePathPattern.test(path));
  if (more.length === 0 && bad === undefined) return { cert, ...(key === undefined ? {} : { key }) };
  throw new BridgeError({
    kind: 'usage', code: 'tls-cert-malformed', what: `--tls-cert '${text}' names no files`, why: bad === undefined ? 'there are more than two' : `'${bad}' is not an absolute path in the container`,
    next: '--tls-cert /etc/tls/tls.crt,/etc/tls/tls.key (or one file with both)',
  });
}

/** Milliseconds, or with a unit: `200`, `200ms`, `1.5s`. */
export function parseDelay(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * (unit === 's' ? 1000 : 1));
  if (number !== undefined && ms >= 1 && ms <= mostDelayMs) return ms;
  throw new BridgeError({ kind: 'usage', code: 'delay-malformed', what: `--delay '${text}' is no time`, why: `it is a number of milliseconds, from 1 to ${mostDelayMs}, or of seconds with an s`, next: '--delay 200 or --delay 1.5s' });
}

/** `PERCENT` or `PERCENT:STATUS`. */
export function parseFault(text: string): Fault {
  const [, percent, status] = /^(\d{1,3})%?(?::(\d{3}))?$/.exec(text) ?? [];
  const [share, code] = [Number(percent), status === undefined ? undefined : Number(status)];
  if (share >= 1 && share <= 100 && (code === undefined || (code >= 400 && code <= 599))) return { percent: share, ...(code === undefined ? {} : { status: code }) };
  throw new BridgeError({ kind: 'usage', code: 'fault-malformed', what: `--fault '${text}' is no fault`, why: 'it is a percentage from 1 to 100, and a status from 400 to 599 if you like', next: '--fault 10 or --fault 10:429' });
}

function refuse(what: string, next: string): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'usage', what, next });
}

/** What is as by default stays out, so that the object says only what was asked for. */
export function trafficFromFlags({ fallback, check, tlsCert, tlsSecret, plaintext, proxyProtocol, freeze = false, mode, diff = false, delay, fault, ruled }: TrafficFlags): TrafficRequest {
  if (freeze && (ruled || mode === 'mirror')) {
    throw new BridgeError({ kind: 'usage', code: 'freeze-needs-original', what: `--freeze does not go with ${ruled ? 'rules' : '--mode mirror'}`, why: `the original ${ruled ? 'answers what no rule takes' : 'answers all requests'}, and a frozen process answers nothing`, next: 'leave one of them out' });
  }
  if (tlsCert !== undefined && tlsSecret !== undefined) throw refuse('--tls-cert and --tls-secret exclude each other', 'leave one of them out');
  if (plaintext && tlsCert === undefined && tlsSecret === undefined) {
    throw refuse('--plaintext says how TLS goes on that was opened, but no certificate to open it with is named', '--tls-secret NAME or --tls-cert CERT,KEY');
  }
  if ((delay !== undefined || fault !== undefined) && !ruled) throw refuse('--delay and --fault are for requests that a rule chooses: without one everybody would suffer', '--mark ID or --header NAME=VALUE');
  if (mode === 'mirror' && (delay !== undefined || fault !== undefined || fallback === 'fail' || proxyProtocol)) {
    throw refuse('--mode mirror lets the original answer: --delay, --fault, --fallback fail and --proxy-protocol do not go with it', 'leave them out');
  }
  if (diff && mode !== 'mirror') throw refuse('--diff compares the answers of a mirror with the original\'s', '--mode mirror --diff');
  const parsed = check === undefined ? undefined : parseCheck(check);
  return {
    ...(fallback === undefined || fallback === 'original' ? {} : { fallback: fallback as Fallback }),
    ...(parsed === undefined ? {} : { check: parsed }),
    ...(tlsCert === undefined ? {} : { tls: parseCertificate(tlsCert) }), ...(tlsSecret === undefined ? {} : { tlsSecret }),
    ...(plaintext ? { plaintext } : {}), ...(proxyProtocol ? { proxyProtocol } : {}), ...(freeze ? { freeze } : {}),
    ...(mode === 'mirror' ? { mode } : {}), ...(diff ? { diff } : {}), ...(delay === undefined ? {} : { delayMs: parseDelay(delay) }), ...(fault === undefined ? {} : { fault: parseFault(fault) }),
  };
}

/** What stands in the object, for this target. @throws BridgeError when it does not go with it */
export function trafficFor({ tlsSecret, ...traffic }: TrafficRequest, { ports, container, podVolumes }: Pick<ResolvedTarget, 'ports' | 'container' | 'podVolumes'>): Traffic {
  const tcp = ports.filter(({ protocol }) => protocol === 'TCP').map(({ port }) => port);
  const { check, freeze } = traffic;
  const execs = (['readinessProbe', 'livenessProbe'] as const).filter((probe) => container[probe]?.exec !== undefined);
  if (freeze === true && execs.length > 0) {
    throw new BridgeError({
      kind: 'usage', code: 'freeze-exec-probe', what: `container ${container.name} cannot be frozen: its ${execs.join(' and ')} ${execs.length === 1 ? 'runs a program' : 'run programs'} in it`,
      why: 'such a probe often asks the very process that stands still; it would fail, and the kubelet would restart the container', next: 'leave --freeze out, or name a container with probes by HTTP, TCP or gRPC',
    });
  }
  if (check !== undefined && !(check.port === undefined ? tcp.length > 0 : tcp.includes(check.port))) {
    throw new BridgeError({
      kind: 'usage', code: 'check-without-port', what: `--check asks ${check.port === undefined ? 'a port' : `port ${check.port}`}, which is not among the bridged ones`,
      why: tcp.length === 0 ? 'no TCP port is bridged' : `bridged are: ${tcp.join(', ')}`, next: checkForms,
    });
  }
  return { ...traffic, ...(tlsSecret === undefined ? {} : { tls: mountedCertificate(container, podVolumes, tlsSecret) }) };
}
