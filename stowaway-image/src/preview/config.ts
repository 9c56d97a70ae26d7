/** The gateway's HAProxy configuration. The cookie decides which preview a request belongs to: by its digest, and by the bridge that it says it is of; everything without a valid one goes to the door (door.ts). */
import { ports } from '../../../protocol/ports.ts';
import { previewCookie, previewKey, type PreviewRoute } from '../../../protocol/preview.ts';
import { markBaggageKey } from '../../../protocol/rule.ts';
import { headerName, quote, UnusableValue } from '../agent/proxy/quote.ts';
import type { LivePreview } from './plan.ts';

export interface GatewaySettings {
  socket: string;
  /** Port of the door on the loopback. */
  doorPort: number;
  /** `cluster.local`. */
  domain: string;
}

export function gatewayConfig(previews: readonly LivePreview[], settings: GatewaySettings): string {
  const parts = [...previews].sort((a, b) => (a.id < b.id ? -1 : 1)).map((preview) => previewPart(preview, settings.domain));
  return [
    section('global', [
      `stats socket ${settings.socket} mode 600 level admin expose-fd listeners`, 'stats timeout 1d',
      'fd-hard-limit 8000', 'maxconn 2000', 'nbthread 1',
      'tune.bufsize 32768',
    ]),
    section('resolvers cluster', ['parse-resolv-conf', 'resolve_retries 3', 'timeout retry 500ms', 'hold valid 5s', 'accepted_payload_size 8192']),
    section('defaults', [
      // Server-sent events at once.
      'mode http', 'option http-no-delay', 'option forwardfor',
      'timeout http-request 10s', 'timeout http-keep-alive 60s', 'timeout connect 5s', 'timeout client 1h', 'timeout server 1h', 'timeout tunnel 24h',
      'retries 2', 'option redispatch',
    ]),
    section('frontend preview', [
      `bind :${ports.preview}`,
      // As keyOf makes it.
      `http-request set-var(txn.cookie) req.cook(${previewCookie})`,
      'http-request set-var(txn.digest) var(txn.cookie),sha2(256),hex,lower',
      'http-request set-var(txn.key) var(txn.cookie),field(1,.),concat(:,txn.digest)',
      'acl own path_beg /.podbridge/',
      'acl grpc req.fhdr(content-type) -m beg -- application/grpc',
      'use_backend door if own',
      ...parts.flatMap(({ entry }) => entry),
      'default_backend door',
    ]),
    section('backend door', [
      // What has no cookie has no time for its body either.
      'option http-buffer-request', ...forwarded, `server door 127.0.0.1:${settings.doorPort}`,
    ]),
    ...parts.flatMap(({ backends }) => backends),
    '',
  ].join('\n\n');
}

interface PreviewPart {
  /** Lines of the frontend. */
  entry: string[];
  /** Sections. */
  backends: string[];
}

/** What a preview adds to the configuration. @throws UnusableValue when it cannot be written so that HAProxy reads it */
export function previewPart(preview: LivePreview, domain: string): PreviewPart {
  const entry = toEntry(preview);
  const shared = entryLines(preview, domain);
  const backends = preview.routes.flatMap((route, index) => [false, true].map((grpc) => section(`backend ${backendName(preview, index, grpc)}`, [...shared, serverLine(preview, route, grpc, domain)])));
  const longest = Math.max(...[...entry, ...shared].map((line) => Buffer.byteLength(line)));
  if (longest > mostLineBytes) throw new UnusableValue(`more than ${mostLineBytes} bytes in a line cannot be written`);
  return { entry, backends };
}

/** Of 2048, with the indent and an end. */
const mostLineBytes = 2040;

function section(head: string, lines: readonly string[]): string {
  return [head, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Names of the backends of a preview, the same in every configuration. */
export function backendsOf(preview: LivePreview): string[] {
  return preview.routes.flatMap((_, index) => [backendName(preview, index, false), backendName(preview, index, true)]);
}

function backendName({ id }: LivePreview, route: number, grpc: boolean): string {
  return `p${id}_${route}${grpc ? 'g' : ''}`;
}

/** Longest path first, an exact one before a prefix. */
function toEntry(preview: LivePreview): string[] {
  const name = `a${preview.id}`;
  const routes = preview.routes.map((route, index) => ({ route, index })).sort((a, b) => b.route.path.length - a.route.path.length || (a.route.match === 'exact' ? -1 : 1));
  return [
    `acl ${name} var(txn.key) -m str ${previewKey(preview.tag, preview.access)}`,
    ...routes.flatMap(({ route, index }) => {
      const path = `${name}_${index}`;
      return [
        ...pathAcls(path, route),
        `use_backend ${backendName(preview, index, true)} if ${name} ${path} grpc`,
        `use_backend ${backendName(preview, index, false)} if ${name} ${path}`,
      ];
    }),
  ];
}

function pathAcls(name: string, { path, match }: PreviewRoute): string[] {
  const whole = `acl ${name} path -m str -- ${quote(path)}`;
  if (match === 'exact') return [whole];
  return [whole, `acl ${name} path -m beg -- ${quote(path.endsWith('/') ? path : `${path}/`)}`];
}

/** An Ingress before us says who the client is and how he came. */
const forwarded = [
  'http-request set-var(txn.proto) str(http)',
  'http-request set-var(txn.proto) req.fhdr(x-forwarded-proto) if { req.fhdr(x-forwarded-proto) -m found }',
  'http-request set-header x-forwarded-proto %[var(txn.proto)]',
  'http-request set-header x-forwarded-host %[req.hdr(host)] unless { req.fhdr(x-forwarded-host) -m found }',
];

function serverLine({ namespace, host }: LivePreview, route: PreviewRoute, grpc: boolean, domain: string): string {
  const encrypted = route.tls === true ? ` ssl verify none sni ${host === undefined ? 'req.hdr(host),field(1,:)' : `str(${host})`} alpn ${grpc ? 'h2' : 'http/1.1'}` : grpc ? ' proto h2' : '';
  return `server s ${route.service}.${namespace}.svc.${domain}:${route.port} resolvers cluster resolve-prefer ipv4 init-addr libc,none${encrypted}`;
}

/** The same for all routes. */
function entryLines(preview: LivePreview, domain: string): string[] {
  const { mark, headers, host } = preview;
  return [
    ...forwarded,
    // The application is not told the secret.
    `http-request replace-header cookie ${quote(`^(.*; ?)?${previewCookie}=[^;]*(?:; ?)?(.*)$`)} ${quote(String.raw`\1\2`)}`,
    `http-request replace-header cookie ${quote('^(.*); ?$')} ${quote(String.raw`\1`)}`,
    'http-request del-header cookie unless { req.fhdr(cookie),length gt 0 }',
    ...(host === undefined ? [] : [`http-request set-header host ${quote(host)}`]),
    ...(mark === undefined ? [] : markLines(mark)),
    ...headers.map(([header, value]) => `http-request set-header ${headerName(header)} ${quote(value.replaceAll('%', '%%'))}`),
    ...ownNames(preview, domain),
    `http-response replace-header set-cookie ${quote('(?i)^(.*?);[[:space:]]*domain=[^;]*(.*)$')} ${quote(String.raw`\1\2`)}`,
    // A browser that came without TLS would not keep those.
    ...['secure', 'samesite=none'].map((word) => `http-response replace-header set-cookie ${quote(`(?i)^(.*?);[[:space:]]*${word}[[:space:]]*(;.*)?$`)} ${quote(String.raw`\1\2`)} if { var(txn.proto) -m str http }`),
  ];
}

/** One member of ours, whatever the browser sent; in one line, because some libraries read the first only. */
function markLines(mark: string): string[] {
  const member = `${markBaggageKey}=${mark}`;
  return [
    `http-request replace-header baggage ${quote(`^(.*,)?[[:space:]]*${markBaggageKey}=[^,]*(?:,(.*))?$`)} ${quote(String.raw`\1\2`)}`,
    `http-request replace-header baggage ${quote('^(.*),[[:space:]]*$')} ${quote(String.raw`\1`)}`,
    'http-request set-var(txn.baggage) req.fhdr(baggage)',
    `http-request set-header baggage ${member}`,
    `http-request set-header baggage ${quote(`%[var(txn.baggage)],${member}`)} if { var(txn.baggage),length gt 0 }`,
  ];
}

/** Redirects to the entry's own names stay with the preview. */
function ownNames({ namespace, routes, host }: LivePreview, domain: string): string[] {
  const services = [...new Set(routes.map(({ service }) => service))];
  const exactly = (name: string): string => name.replaceAll('.', String.raw`\.`);
  const names = [
    ...(host === undefined ? [] : [exactly(host.split(':')[0]!)]),
    // Few expressions: each costs memory in each backend.
    ...Array.from({ length: Math.ceil(services.length / namesInLine) }, (_, index) => services.slice(index * namesInLine, (index + 1) * namesInLine))
      .map((some) => String.raw`(?:${some.join('|')})(?:\.${namespace}(?:\.svc(?:\.${exactly(domain)})?)?)?`),
  ];
  return names.map((name) => `http-response replace-header location ${quote(`(?i)^https?://${name}(?::[0-9]+)?(?:/(.*))?$`)} ${quote(String.raw`/\1`)}`);
}

/** Of up to 63 characters each: a line holds them. */
const namesInLine = 8;
