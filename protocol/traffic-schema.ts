/** Schema of {@link Traffic}: fields of a bridge's spec, and what must hold among them. */
import { mostDelayMs } from './traffic.ts';
import { flag, integer, object, portNumber, text, word, type Schema } from './schema.ts';

const path = (description: string): Schema => text(1024, { pattern: '^/[^\\x00-\\x1f\\x7f]+$', description });

export const trafficFields: Record<string, Schema> = {
  fallback: word(['original', 'fail'], { description: 'Who answers while the container does not. Default original.' }),
  check: object({
    path: text(256, { pattern: '^/[!-~]*$', description: 'The container must answer GET of this path with 200 to 399.' }),
    port: { ...portNumber, description: "Port of the pod. Default: the bridge's first TCP port." },
    tls: flag({ description: 'Ask by HTTPS.' }),
  }, ['path'], { description: 'Absent: the port must accept connections.' }),
  tls: object({
    cert: path('PEM file in the target container: certificate and chain.'), key: path('PEM file in the target container: private key. Default: in the same file.'),
  }, ['cert'], { description: 'Open TLS with the certificate that the pod has, so that rules apply. Absent: TLS is passed on.' }),
  plaintext: flag({ description: 'What came by TLS goes to the container without.' }),
  proxyProtocol: flag({ description: "Tell the container the client's address by a PROXY protocol header, version 2." }),
  mode: word(['steal', 'mirror', 'tap'], { description: 'mirror: the original answers, the container gets a copy. tap: the client is told of the requests. Default steal.' }),
  freeze: flag({ description: "The processes of the target container stand still while the client's container serves." }),
  tapHeaders: flag({ description: 'Mode tap: headers too.' }),
  diff: flag({ description: 'Mode mirror: tell the client where answers differ.' }),
  delayMs: integer(1, mostDelayMs, { description: 'Requests of the bridge wait so many milliseconds.' }),
  fault: object({ percent: integer(1, 100), status: integer(400, 599) }, ['percent'], { description: 'So many requests in a hundred are answered with this status (default 503) instead of being sent.' }),
};

/** CEL rules of the spec. */
export const trafficRules: [rule: string, message: string][] = [
  ["!has(self.check) || !has(self.check.port) || self.ports.exists(p, p.protocol == 'TCP' && p.port == self.check.port)", 'the port of check is one of the TCP ports of the bridge'],
  ["!has(self.freeze) || !self.freeze || ((!has(self.rules) || self.rules.size() == 0) && (!has(self.mode) || self.mode == 'steal'))", 'a frozen original answers nothing: freeze goes with neither rules nor another mode than steal'],
  ['!has(self.plaintext) || !self.plaintext || has(self.tls)', 'plaintext says how to go on with TLS that is opened: it needs tls'],
  ['(!has(self.delayMs) && !has(self.fault)) || (has(self.rules) && self.rules.size() > 0)', 'delayMs and fault are for requests that a rule chooses: without rules everybody would suffer'],
  ["!has(self.mode) || self.mode == 'steal' || (!has(self.delayMs) && !has(self.fault) && !has(self.fallback))", 'unless the mode is steal the original answers: delayMs, fault and fallback have no meaning'],
  ["!has(self.diff) || !self.diff || (has(self.mode) && self.mode == 'mirror')", 'diff compares the answers of a mirror'],
  ["!has(self.mode) || self.mode == 'steal' || self.ports.all(p, p.protocol == 'TCP')", 'HTTP requests are mirrored and tapped: ports are TCP'],
];
