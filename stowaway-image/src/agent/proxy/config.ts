/** HAProxy's configuration, rendered from the state. Every fixed value here was measured or has its reason beside it. */
import { basename, dirname } from 'node:path';
import { servedByHeader } from '../../../../protocol/rule.ts';
import { checkedServer, checkTimings, spreadMs } from './check.ts';
import { hubPortName } from './hub-port.ts';
import type { Frontend, ProxyModel, Route } from './model.ts';
import { orderRoutes, type OrderedRules } from './order.ts';
import { quote } from './quote.ts';
import { ruleCondition } from './rule-acl.ts';
import { sourcePortExpression } from './source-port.ts';
import { tapForm, tapLines } from './tap-lines.ts';

export interface Process {
  /** Unix socket of the runtime API; also hands the listeners to the next process. */
  socket: string;
  /** State of servers that the next process must not believe to be up before their first check. */
  stateFile: string;
  threads: number;
  /** Names of hub ports (see ./hub-port.ts) that are checked first, in this order. */
  checkFirst?: readonly string[];
}

/** A refused connection costs no request anything; only a silent link makes them wait `connect`. */
export const timings = {
  connectMs: 500,
  /** TCP_USER_TIMEOUT towards the hub: unacknowledged data for this long means that the link is dead, however slow the application may be. */
  userTimeoutMs: 1000,
  /** How long a connection may stay silent before it is taken for not HTTP. Ports whose server speaks first never come here. */
  inspectMs: 30_000,
  /** For probes on ports that are otherwise not inspected. */
  probeInspectMs: 2000,
} as const;

export function renderConfig(model: ProxyModel, process: Process): string {
  const routes = new Map(model.frontends.flatMap((frontend) => frontend.routes).map((route) => [hubPortName(route.hub), route]));
  // HAProxy begins its checks in the order of the file.
  const hubPorts = new Map([...process.checkFirst ?? [], ...routes.keys()].flatMap((name) => (routes.has(name) ? [[name, routes.get(name)!]] : [])));
  return [
    global(process, needsLua(model), hubPorts.size), defaults(),
    ...[...hubPorts].map(([name, route]) => hubPortBackend(name, route, hubPorts.size)),
    ...model.frontends.map((frontend) => port(frontend, process)),
    '',
  ].join('\n\n');
}

/** Where the Lua program must stand, when {@link needsLua}: beside the runtime socket. */
export function luaFile(socket: string): string {
  return `${dirname(socket)}/requests.lua`;
}

export function needsLua({ frontends }: ProxyModel): boolean {
  return frontends.some(({ routes }) => routes.some(({ mode, delayMs }) => mode === 'mirror' || delayMs > 0));
}

export function frontendName({ id }: Pick<Frontend, 'id'>): string {
  return `f_${id}`;
}

function section(head: string, lines: readonly string[]): string {
  return [head, ...lines.map((line) => `  ${line}`)].join('\n');
}

function global({ socket, stateFile, threads }: Process, lua: boolean, hubPorts: number): string {
  return section('global', [
    `stats socket ${socket} mode 600 level admin expose-fd listeners`,
    // The agent keeps one connection to every worker, to see when a replaced one has no sessions left.
    'stats timeout 1d',
    `server-state-file ${stateFile}`,
    `nbthread ${threads}`,
    // Tables are sized by the limit of open files, which container runtimes set to a million.
    'fd-hard-limit 20000',
    // Otherwise the first checks are spread over an interval, and a bridge waits for its first.
    `max-spread-checks ${spreadMs(hubPorts)}ms`,
    'tune.bufsize 16384',
    ...(lua ? [`lua-load-per-thread ${luaFile(socket)}`] : []),
  ]);
}

function defaults(): string {
  return section('defaults', [
    'mode tcp',
    `timeout connect ${timings.connectMs}ms`,
    `timeout check ${checkTimings.tcp.answerMs}ms`,
    // What the original would have accepted silently for hours must not be cut here; dead peers are found by keep-alive.
    'timeout client 24h', 'timeout server 24h', 'timeout tunnel 24h',
    'option clitcpka', 'clitcpka-idle 60s', 'clitcpka-intvl 15s', 'clitcpka-cnt 4',
    'option srvtcpka', 'srvtcpka-idle 60s', 'srvtcpka-intvl 15s', 'srvtcpka-cnt 4',
    // The container, the original from the client's own port, from another one, and once more of each.
    'retries 4', 'option redispatch 1',
    'load-server-state-from-file global',
  ]);
}

/** The one server of a hub port that is checked; those in the backends follow it. */
function hubPortBackend(name: string, { hub, check }: Route, hubPorts: number): string {
  return section(`backend ${name}`, checkedServer(at(hub), check, hubPorts));
}

function port(frontend: Frontend, process: Process): string {
  const order = orderRoutes(frontend.serverFirst ? frontend.routes.filter(({ rules }) => rules.length === 0) : frontend.routes);
  const { rules, rest } = order;
  const understood = rules.length > 0 || (!frontend.serverFirst && (rest?.certificate !== undefined || rest?.mode === 'mirror' || frontend.taps.length > 0));
  if (understood) return rulePort(frontend, order, process);
  return plainPort(frontend, rest?.mode === 'mirror' ? undefined : rest, process);
}

/** Byte for byte; only what a kubelet may have sent is looked at. */
function plainPort(frontend: Frontend, rest: Route | undefined, process: Process): string {
  const { id, probes, frozen } = frontend;
  const lines = listener(frontend);
  const sections: string[] = [original(frontend, 'tcp', false)];
  // A probe by TCP is answered by accepting; nothing of it shall wait for a frozen process.
  if (frozen && rest === undefined && probes.kinds.length === 0) lines.push(`tcp-request inspect-delay ${timings.probeInspectMs}ms`, 'tcp-request content accept if { req.len gt 0 }', 'tcp-request content accept if WAIT_END');
  if ((rest !== undefined || frozen) && probes.kinds.length > 0 && probes.sources.length > 0) {
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
      sections.push(...(frozen ? [probeAnswer(frontend, 'h2', process)] : []), original(frontend, 'h2', false), ...(rest === undefined ? [] : [bridged(frontend, rest, 'h2', false)]));
    }
    lines.push('tcp-request content accept if { req.len gt 0 }', 'tcp-request content accept if WAIT_END');
    if (probes.kinds.includes('grpc')) {
      lines.push(
        `use_backend ${frozen ? 'p' : 'o'}h2_${id} if node { fc_http_major 2 } { req.fhdr(user-agent) -m beg -- kube-probe/ }`,
        `use_backend ${rest === undefined ? `oh2_${id}` : bridgeBackend(frontend, rest, 'h2')} if node { fc_http_major 2 }`,
      );
    }
    if (probes.kinds.includes('http')) lines.push(`use_backend ${frozen ? 'p' : 'o'}tcp_${id} if node { req.payload(0,0) -m sub -- kube-probe/ }`);
    if (frozen && probes.kinds.includes('http')) sections.push(probeAnswer(frontend, 'tcp', process));
  }
  if (rest !== undefined) sections.push(bridged(frontend, rest, 'tcp', false));
  lines.push(`default_backend ${rest === undefined ? `otcp_${id}` : bridgeBackend(frontend, rest, 'tcp')}`);
  return [section(`frontend ${frontendName(frontend)}`, lines), ...sections].join('\n\n');
}

/** Sockets on which somebody answers probes for a frozen original, below the directory of the runtime sockets. */
export function probeSockets(directory: string): { http: string; grpc: string } {
  return { http: `${directory}/probes.sock`, grpc: `${directory}/probes-grpc.sock` };
}

function probeAnswer({ id }: Frontend, form: 'tcp' | 'h1' | 'h2', { socket }: Process): string {
  const sockets = probeSockets(dirname(socket));
  return section(`backend p${form}_${id}`, [...(form === 'tcp' ? ['mode tcp'] : http), `server agent unix@${form === 'h2' ? `${sockets.grpc} proto h2` : sockets.http}`]);
}

/** HTTP is taken apart request by request, everything else passes. TLS is opened where somebody has a certificate for it. */
function rulePort(frontend: Frontend, order: OrderedRules, process: Process): string {
  const certificate = certificateOf(order) ?? frontend.taps.find((tap) => tap.certificate !== undefined)?.certificate;
  const open = inspected(frontend, order, false, process);
  const sections = [
    section(`frontend ${frontendName(frontend)}`, [
      ...listener(frontend), ...tapForm(frontend.taps), ...inspection, ...tapLines(frontend.taps),
      ...(certificate === undefined ? [] : ['acl tls req.payload(0,1) -m bin 16', `use_backend t_${frontend.id} if tls`]),
      ...open.lines,
    ]),
    ...open.sections,
  ];
  return (certificate === undefined ? sections : [...sections, ...tlsSections(frontend, order, certificate, process)]).join('\n\n');
}

const inspection = [
  `tcp-request inspect-delay ${timings.inspectMs}ms`,
  'acl upper req.payload(0,1),hex -m reg ^(4[1-9A-F]|5[0-9A])$',
  'acl h2 req.payload(0,3) -m bin 505249',
  // Evaluation stops at the first line whose data is not complete. This one is decided by the first byte, so TLS and
  // binary protocols pass at once; behind the next two, a short binary message would wait for the whole delay.
  'tcp-request content accept if { req.len gt 0 } !upper',
  'tcp-request content switch-mode http proto h2 if { req.len gt 2 } h2',
  'tcp-request content switch-mode http if HTTP',
  'tcp-request content accept if WAIT_END',
];

function certificateOf({ rules, rest }: OrderedRules): string | undefined {
  return [...rules.map(({ route }) => route), ...(rest === undefined ? [] : [rest])].find((route) => route.certificate !== undefined)?.certificate;
}

/** Names of the frontends where TLS is opened: replaced processes must shut them after those that lead there. */
export function tlsFrontendName({ id }: Pick<Frontend, 'id'>): string {
  return `t_${id}`;
}

/**
 * TLS connections are handed to a second frontend of the same process, with the client's address in a PROXY header: one listener
 * can thus have both, TLS and not. Its socket belongs to this process alone, so that no other one's rules are asked.
 */
function tlsSections(frontend: Frontend, order: OrderedRules, certificate: string, process: Process): string[] {
  const { socket } = process;
  const name = tlsFrontendName(frontend);
  const address = `abns@${basename(socket, '.sock')}.${frontend.id}`;
  // Who has not asked for TLS to be opened gets nothing of what is in it, unless all that is left is his.
  const inside = inspected(frontend, { rules: order.rules.filter(({ route }) => route.certificate !== undefined), rest: order.rest }, true, process);
  const taps = frontend.taps.filter((tap) => tap.certificate !== undefined);
  return [
    section(`backend ${name}`, ['mode tcp', `server tls ${address} send-proxy-v2`]),
    section(`frontend ${name}`, [`bind ${address} accept-proxy ssl crt ${quote(certificate)} alpn h2,http/1.1`, ...tapForm(taps), ...inspection, ...tapLines(taps), ...inside.lines]),
    ...inside.sections,
  ];
}

/** Where each request goes. @param secure it came by TLS */
function inspected(frontend: Frontend, { rules, rest }: OrderedRules, secure: boolean, process: Process): { lines: string[]; sections: string[] } {
  const conditions = rules.map(({ route, rule }, index) => ({ route, ...ruleCondition(rule, `r${index}`) }));
  const servedBy = rules.some(({ route }) => route.servedBy);
  const [tcp, h1, h2] = secure ? secureForms : openForms;
  const lines = [
    'acl v1 fc_http_major 1', 'acl v2 fc_http_major 2',
    'acl probe req.fhdr(user-agent) -m beg -- kube-probe/',
    // A container without TLS speaks HTTP/2 for gRPC only, mostly.
    ...(secure ? ['acl grpc req.fhdr(content-type) -m beg -- application/grpc'] : []),
    ...conditions.flatMap(({ acls }) => acls),
    `use_backend ${frontend.frozen ? 'ph1' : `o${h1}`}_${frontend.id} if v1 probe`,
    `use_backend ${frontend.frozen ? 'ph2' : `o${h2}`}_${frontend.id} if v2 probe`,
    ...conditions.flatMap(({ route, condition }) => toBridge(frontend, route, secure, condition)),
    ...(rest === undefined ? [`use_backend o${h1}_${frontend.id} if v1`, `use_backend o${h2}_${frontend.id} if v2`] : toBridge(frontend, rest, secure, '')),
    `default_backend ${rest === undefined || rest.mode === 'mirror' ? `o${tcp}_${frontend.id}` : bridgeBackend(frontend, rest, tcp)}`,
  ];
  const ruled = [...new Set(rules.map(({ route }) => route))];
  return {
    lines,
    sections: [
      ...(frontend.frozen && !secure ? (['h1', 'h2'] as const).map((form) => probeAnswer(frontend, form, process)) : []),
      ...[tcp, h1, h2].map((form) => original(frontend, form, servedBy)),
      ...ruled.flatMap((route) => [h1, h2].map((form) => routed(frontend, route, form, servedBy))),
      ...(rest === undefined ? [] : [...(rest.mode === 'mirror' ? [] : [tcp]), h1, h2].map((form) => routed(frontend, rest, form, servedBy))),
    ],
  };
}

function toBridge(frontend: Frontend, route: Route, secure: boolean, condition: string): string[] {
  const [, h1, h2] = secure ? secureForms : openForms;
  const line = (backend: string, ...words: string[]): string => `use_backend ${[backend, 'if', ...words, condition].join(' ').trimEnd()}`;
  const to = (form: Form, ...words: string[]): string => line(bridgeBackend(frontend, route, form), ...words);
  // Without a container to take it, a copy is not made.
  const up = `{ srv_is_up(${hubPortName(route.hub)}/s) }`;
  if (route.mode === 'mirror') return [to(h1, 'v1', up), to(h2, 'v2', up), line(`o${h1}_${frontend.id}`, 'v1'), line(`o${h2}_${frontend.id}`, 'v2')];
  return [
    to(h1, 'v1'),
    ...(secure && route.plaintext ? [to(h2, 'v2', 'grpc'), to(h1, 'v2')] : [to(h2, 'v2')]),
  ];
}

/** Two forms of HTTP because a server line without TLS speaks one version; those with an `s` came by TLS. */
type Form = 'tcp' | 'h1' | 'h2' | 'stcp' | 'sh1' | 'sh2';
const openForms = ['tcp', 'h1', 'h2'] as const;
const secureForms = ['stcp', 'sh1', 'sh2'] as const;
const forms: readonly Form[] = [...openForms, ...secureForms];

/**
 * How a server is spoken to. By TLS the server itself chooses the version; whoever came with HTTP/1.1 goes on so, because not
 * all that it can (Upgrade) has a counterpart. Certificates are not verified: the original is in the same pod, the container
 * behind the user's own tunnel.
 */
function speech(form: Form, tls: boolean): string {
  if (!tls) return form === 'h2' || form === 'sh2' ? ' proto h2' : '';
  return ` ssl verify none${form === 'sh1' ? ' alpn http/1.1' : form === 'sh2' ? ' alpn h2,http/1.1' : ''}`;
}

function isSecure(form: Form): boolean {
  return form.startsWith('s');
}

function isTcp(form: Form): boolean {
  return form === 'tcp' || form === 'stcp';
}
// Server-sent events came in bunches, up to 200 ms late, without http-no-delay. A connection to the original carries its client's
// address and so serves nobody else; in the pool that `safe` keeps for all, one in ten requests of 32 clients found its own one evicted.
const http = ['mode http', 'option http-no-delay', 'http-reuse never'];

function listener({ podAddress, listenPort, netns }: Frontend): string[] {
  return [
    `bind ${at({ address: podAddress, port: listenPort })} transparent namespace ${netns}`,
    `tcp-request connection set-src-port ${sourcePortExpression}`,
  ];
}

function bridgeBackend({ id }: Pick<Frontend, 'id'>, { hub }: Route, form: Form): string {
  return `b${form}_${id}_${hub.port}`;
}

/** Names of all backends of a route; not every configuration has all of them. */
export function bridgeBackends(frontend: string, route: Route): string[] {
  return forms.map((form) => bridgeBackend({ id: frontend }, route, form));
}

/** Of the servers that stand for the original. */
export const originalWeights = { orig: 256, 'orig-any': 1 } as const;

/**
 * The original sees the client's own address: the connection starts from it, inside the pod's network namespace, and from a port
 * of its own (source-port.ts). A port that the kernel picks may be one from which the client has, or just had, a connection to
 * the pod; one of the two then gets no answers. Where the port of its own is still taken (a client that uses its ports again
 * within TIME_WAIT, a second HTTP/2 connection for one client), HAProxy goes on at once with the other server, for which the kernel picks.
 *
 * @param closed nothing goes there, until {@link originalWeights} are set by command
 */
function originalServers({ podAddress, port: podPort, netns }: Frontend, form: Form, closed = false): string[] {
  const any = podAddress.includes(':') ? '::' : '0.0.0.0';
  const server = (name: string, source: string, weight: number): string =>
    `server ${name} ${at({ address: podAddress, port: podPort })} namespace ${netns} source ${any} usesrc ${source} weight ${closed ? 0 : weight}${speech(form, isSecure(form))}${isSecure(form) ? ' sni ssl_fc_sni' : ''}`;
  return [...(closed ? [] : ['use-server orig if TRUE']), server('orig', 'client', originalWeights.orig), server('orig-any', 'clientip', originalWeights['orig-any'])];
}

function original(frontend: Frontend, form: Form, servedBy: boolean): string {
  return section(`backend o${form}_${frontend.id}`, [
    ...(isTcp(form) ? ['mode tcp'] : [...http, ...(servedBy ? [`http-response set-header ${servedByHeader} original`] : [])]),
    'balance roundrobin',
    ...originalServers(frontend, form),
  ]);
}

function routed(frontend: Frontend, route: Route, form: Form, servedBy: boolean): string {
  return route.mode === 'mirror' ? mirrored(frontend, route, form, servedBy) : bridged(frontend, route, form, servedBy);
}

/** The original's backend, with a filter that sends copies to the container. */
function mirrored(frontend: Frontend, route: Route, form: Form, servedBy: boolean): string {
  const { hub, bridge, plaintext, diff } = route;
  return section(`backend ${bridgeBackend(frontend, route, form)}`, [
    ...http, ...(servedBy ? [`http-response set-header ${servedByHeader} original`] : []),
    `filter lua.mirror ${hub.address} ${hub.port} ${isSecure(form) && !plaintext ? 'tls' : 'open'} ${bridge}${diff ? ` diff ${frontend.id}` : ''}`,
    'balance roundrobin',
    ...originalServers(frontend, form),
  ]);
}

/** Troubles that the bridge's owner has asked for. */
function disturbances({ delayMs, fault, bridge }: Route): string[] {
  return [
    ...(delayMs === 0 ? [] : [`http-request lua.delay ${delayMs}`]),
    ...(fault === undefined ? [] : [
      `http-request return status ${fault.status} content-type text/plain string ${quote(`Bridge ${bridge} answers ${fault.percent} of 100 requests so, as its owner wishes.`)} hdr ${servedByHeader} ${quote(bridge)} if { rand(100) lt ${fault.percent} }`,
    ]),
  ];
}

/**
 * All servers are active, and use-server always takes the first while it is up. As a backup server the original would get a
 * refused request only after `timeout connect`: HAProxy waits before it retries in a backend with a single active server.
 * use-server does not ask for a weight and retries do not ask use-server: without weight, the bridge is never retried once it
 * has failed. Where requests shall rather fail, it is the original that has none, so that nothing is balanced to it until the bridge ends.
 */
function bridged(frontend: Frontend, route: Route, form: Form, servedBy: boolean): string {
  const fails = route.fallback === 'fail';
  const mode = isTcp(form) ? ['mode tcp'] : [
    ...http,
    // Caught in flight when the container dies: asked again of the original, if asking twice is harmless.
    'retry-on conn-failure empty-response',
    'http-request disable-l7-retry if !{ method GET HEAD OPTIONS }',
    ...disturbances(route), ...clientFacts(route, form),
    ...(servedBy ? [
      `http-response set-header ${servedByHeader} ${quote(route.bridge)} if { srv_name bridge }`,
      `http-response set-header ${servedByHeader} original if { srv_name -m beg orig }`,
    ] : []),
    ...(fails ? [`http-error status 503 content-type text/plain string ${quote(`The container of bridge ${route.bridge} does not answer, and the bridge lets requests fail then.`)} hdr ${servedByHeader} ${quote(route.bridge)}`] : []),
  ];
  return section(`backend ${bridgeBackend(frontend, route, form)}`, [
    ...mode,
    // A reset that got lost on the way from the container is not sent again: whoever waits there finds out by asking.
    'srvtcpka-idle 5s', 'srvtcpka-intvl 2s', 'srvtcpka-cnt 3',
    'balance roundrobin',
    'use-server bridge if TRUE',
    `server bridge ${at(route.hub)} track ${hubPortName(route.hub)}/s tcp-ut ${timings.userTimeoutMs}ms${fails ? '' : ' weight 0'}${speech(form, isSecure(form) && !route.plaintext)}${route.proxyProtocol ? ' send-proxy-v2' : ''}`,
    ...originalServers(frontend, form, fails),
  ]);
}

/** What the container cannot see by itself, because the connection to it is ours. The original, should it stand in, is told nothing. */
function clientFacts({ hub, rules, certificate }: Route, form: Form): string[] {
  if (rules.length === 0 && certificate === undefined) return [];
  const up = `srv_is_up(${hubPortName(hub)}/s)`;
  return [
    `http-request add-header x-forwarded-for %[src] if { ${up} }`,
    ...(isSecure(form) ? [`http-request set-header x-forwarded-proto https if { ${up} } !{ req.fhdr(x-forwarded-proto) -m found }`] : []),
  ];
}

function at({ address, port: number }: { address: string; port: number }): string {
  return address.includes(':') ? `[${address}]:${number}` : `${address}:${number}`;
}
