/** HAProxy's configuration, rendered from the state. Every fixed value here was measured or has its reason beside it. */
import { servedByHeader } from '../../../../protocol/rule.ts';
import { hubPortName } from './hub-port.ts';
import type { Frontend, HubPort, ProxyModel, Route } from './model.ts';
import { orderRoutes, type OrderedRules } from './order.ts';
import { quote } from './quote.ts';
import { ruleCondition } from './rule-acl.ts';
import { sourcePortExpression } from './source-port.ts';

export interface Process {
  /** Unix socket of the runtime API; also hands the listeners to the next process. */
  socket: string;
  /** State of servers that the next process must not believe to be up before their first check. */
  stateFile: string;
  threads: number;
}

/** How fast a dead container or link is seen. A refused connection costs no request anything; only a silent link makes them wait `connect`. */
export const timings = {
  connectMs: 500, checkMs: 500, fastCheckMs: 100, downCheckMs: 100,
  /** TCP_USER_TIMEOUT towards the hub: unacknowledged data for this long means that the link is dead, however slow the application may be. */
  userTimeoutMs: 1000,
  /** How long a connection may stay silent before it is taken for not HTTP. Ports whose server speaks first never come here. */
  inspectMs: 30_000,
  /** For probes on ports that are otherwise not inspected. */
  probeInspectMs: 2000,
} as const;

export function renderConfig(model: ProxyModel, process: Process): string {
  const hubPorts = new Map(model.frontends.flatMap(({ routes }) => routes).map(({ hub }) => [hubPortName(hub), hub]));
  return [
    global(process), defaults(),
    ...[...hubPorts].map(([name, hub]) => hubPortBackend(name, hub)),
    ...model.frontends.map(port),
    '',
  ].join('\n\n');
}

export function frontendName({ id }: Frontend): string {
  return `f_${id}`;
}

function section(head: string, lines: readonly string[]): string {
  return [head, ...lines.map((line) => `  ${line}`)].join('\n');
}

function global({ socket, stateFile, threads }: Process): string {
  return section('global', [
    `stats socket ${socket} mode 600 level admin expose-fd listeners`,
    // The agent keeps one connection to every worker, to see when a replaced one has no sessions left.
    'stats timeout 1d',
    `server-state-file ${stateFile}`,
    `nbthread ${threads}`,
    // Tables are sized by the limit of open files, which container runtimes set to a million.
    'fd-hard-limit 20000',
    // Otherwise the first checks are spread over an interval, and a bridge waits for its first.
    'max-spread-checks 10ms',
    'tune.bufsize 16384',
  ]);
}

function defaults(): string {
  return section('defaults', [
    'mode tcp',
    `timeout connect ${timings.connectMs}ms`,
    `timeout check ${timings.checkMs}ms`,
    // What the original would have accepted silently for hours must not be cut here; dead peers are found by keep-alive.
    'timeout client 24h', 'timeout server 24h', 'timeout tunnel 24h',
    'option clitcpka', 'clitcpka-idle 60s', 'clitcpka-intvl 15s', 'clitcpka-cnt 4',
    'option srvtcpka', 'srvtcpka-idle 60s', 'srvtcpka-intvl 15s', 'srvtcpka-cnt 4',
    'retries 2', 'option redispatch 1',
    'load-server-state-from-file global',
  ]);
}

/** The one server of a hub port that is checked; those in the backends follow it. */
function hubPortBackend(name: string, hub: HubPort): string {
  return section(`backend ${name}`, [
    `server s ${at(hub)} check inter ${timings.checkMs}ms fastinter ${timings.fastCheckMs}ms downinter ${timings.downCheckMs}ms fall 2 rise 1`,
  ]);
}

function port(frontend: Frontend): string {
  const order = orderRoutes(frontend.serverFirst ? frontend.routes.filter(({ rules }) => rules.length === 0) : frontend.routes);
  return order.rules.length > 0 ? rulePort(frontend, order) : plainPort(frontend, order.rest);
}

/** Byte for byte; only what a kubelet may have sent is looked at. */
function plainPort(frontend: Frontend, rest: Route | undefined): string {
  const { id, probes } = frontend;
  const lines = listener(frontend);
  const sections: string[] = [original(frontend, 'tcp', false)];
  if (rest !== undefined && probes.kinds.length > 0 && probes.sources.length > 0) {
    lines.push(
      `acl node src ${probes.sources.join(' ')}`,
      `tcp-request inspect-delay ${timings.probeInspectMs}ms`,
      'tcp-request content accept if !node',
    );
    if (probes.kinds.includes('grpc')) {
      // An HTTP/2 client sends its headers only after the server's settings: somebody must speak HTTP/2 to it.
      lines.push(
        'acl h2 req.payload(0,3) -m bin 505249',
        'tcp-request content switch-mode http proto h2 if { req.len gt 2 } h2',
      );
      sections.push(original(frontend, 'h2', false), bridged(frontend, rest, 'h2', false));
    }
    lines.push('tcp-request content accept if { req.len gt 0 }', 'tcp-request content accept if WAIT_END');
    if (probes.kinds.includes('grpc')) {
      lines.push(
        `use_backend oh2_${id} if node { fc_http_major 2 } { req.fhdr(user-agent) -m beg -- kube-probe/ }`,
        `use_backend ${bridgeBackend(frontend, rest, 'h2')} if node { fc_http_major 2 }`,
      );
    }
    if (probes.kinds.includes('http')) lines.push(`use_backend otcp_${id} if node { req.payload(0,0) -m sub -- kube-probe/ }`);
  }
  if (rest !== undefined) sections.push(bridged(frontend, rest, 'tcp', false));
  lines.push(`default_backend ${rest === undefined ? `otcp_${id}` : bridgeBackend(frontend, rest, 'tcp')}`);
  return [section(`frontend ${frontendName(frontend)}`, lines), ...sections].join('\n\n');
}

/** HTTP is taken apart request by request, everything else passes. */
function rulePort(frontend: Frontend, { rules, rest }: OrderedRules): string {
  const { id } = frontend;
  const conditions = rules.map(({ route, rule }, index) => ({ route, ...ruleCondition(rule, `r${index}`) }));
  const servedBy = rules.some(({ route }) => route.servedBy);
  const restTo = (form: Form): string => (rest === undefined ? `o${form}_${id}` : bridgeBackend(frontend, rest, form));
  const lines = [
    ...listener(frontend),
    `tcp-request inspect-delay ${timings.inspectMs}ms`,
    'acl upper req.payload(0,1),hex -m reg ^(4[1-9A-F]|5[0-9A])$',
    'acl h2 req.payload(0,3) -m bin 505249',
    // Evaluation stops at the first line whose data is not complete. This one is decided by the first byte, so TLS and
    // binary protocols pass at once; behind the next two, a short binary message would wait for the whole delay.
    'tcp-request content accept if { req.len gt 0 } !upper',
    'tcp-request content switch-mode http proto h2 if { req.len gt 2 } h2',
    'tcp-request content switch-mode http if HTTP',
    'tcp-request content accept if WAIT_END',
    'acl v1 fc_http_major 1', 'acl v2 fc_http_major 2',
    'acl probe req.fhdr(user-agent) -m beg -- kube-probe/',
    ...conditions.flatMap(({ acls }) => acls),
    `use_backend oh1_${id} if v1 probe`,
    `use_backend oh2_${id} if v2 probe`,
    ...conditions.flatMap(({ route, condition }) => [
      `use_backend ${bridgeBackend(frontend, route, 'h1')} if v1 ${condition}`,
      `use_backend ${bridgeBackend(frontend, route, 'h2')} if v2 ${condition}`,
    ]),
    `use_backend ${restTo('h1')} if v1`,
    `use_backend ${restTo('h2')} if v2`,
    `default_backend ${restTo('tcp')}`,
  ];
  const ruled = [...new Set(rules.map(({ route }) => route))];
  return [
    section(`frontend ${frontendName(frontend)}`, lines),
    ...forms.map((form) => original(frontend, form, servedBy)),
    ...ruled.flatMap((route) => (['h1', 'h2'] as const).map((form) => bridged(frontend, route, form, servedBy))),
    ...(rest === undefined ? [] : forms.map((form) => bridged(frontend, rest, form, servedBy))),
  ].join('\n\n');
}

/** Two forms of HTTP because a server line speaks one version. */
type Form = 'tcp' | 'h1' | 'h2';
const forms = ['tcp', 'h1', 'h2'] as const;
// Server-sent events came in bunches, up to 200 ms late, without http-no-delay.
const http = ['mode http', 'option http-no-delay'];

function listener({ podAddress, listenPort, netns }: Frontend): string[] {
  return [
    `bind ${at({ address: podAddress, port: listenPort })} transparent namespace ${netns}`,
    `tcp-request connection set-src-port ${sourcePortExpression}`,
  ];
}

function bridgeBackend({ id }: Frontend, { hub }: Route, form: Form): string {
  return `b${form}_${id}_${hub.port}`;
}

/**
 * The original sees the client's own address: the connection starts from it, inside the pod's network namespace, and from a port
 * of its own (source-port.ts). A port that the kernel picks may be one from which the client has, or just had, a connection to
 * the pod; one of the two then gets no answers. Where the port of its own is still taken (a client that uses its ports again
 * within TIME_WAIT, a second HTTP/2 connection for one client), HAProxy goes on at once with the other server, for which the kernel picks.
 */
function originalServers({ podAddress, port: podPort, netns }: Frontend, form: Form): string[] {
  const any = podAddress.includes(':') ? '::' : '0.0.0.0';
  const server = (name: string, source: string, weight: number): string =>
    `server ${name} ${at({ address: podAddress, port: podPort })} namespace ${netns} source ${any} usesrc ${source} weight ${weight}${form === 'h2' ? ' proto h2' : ''}`;
  return ['use-server orig if TRUE', server('orig', 'client', 256), server('orig-any', 'clientip', 1)];
}

function original(frontend: Frontend, form: Form, servedBy: boolean): string {
  return section(`backend o${form}_${frontend.id}`, [
    ...(form === 'tcp' ? ['mode tcp'] : [...http, ...(servedBy ? [`http-response set-header ${servedByHeader} original`] : [])]),
    'balance roundrobin',
    ...originalServers(frontend, form),
  ]);
}

/**
 * All servers are active, and use-server always takes the first while it is up. As a backup server the original would get a
 * refused request only after `timeout connect`: HAProxy waits before it retries in a backend with a single active server.
 */
function bridged(frontend: Frontend, route: Route, form: Form, servedBy: boolean): string {
  const mode = form === 'tcp' ? ['mode tcp'] : [
    ...http,
    // Caught in flight when the container dies: asked again of the original, if asking twice is harmless.
    'retry-on conn-failure empty-response',
    'http-request disable-l7-retry if !{ method GET HEAD OPTIONS }',
    ...(servedBy ? [
      `http-response set-header ${servedByHeader} ${quote(route.bridge)} if { srv_name bridge }`,
      `http-response set-header ${servedByHeader} original if { srv_name -m beg orig }`,
    ] : []),
  ];
  return section(`backend ${bridgeBackend(frontend, route, form)}`, [
    ...mode,
    'balance roundrobin',
    'use-server bridge if TRUE',
    `server bridge ${at(route.hub)} track ${hubPortName(route.hub)}/s tcp-ut ${timings.userTimeoutMs}ms${form === 'h2' ? ' proto h2' : ''}`,
    ...originalServers(frontend, form),
  ]);
}

function at({ address, port: number }: { address: string; port: number }): string {
  return address.includes(':') ? `[${address}]:${number}` : `${address}:${number}`;
}
