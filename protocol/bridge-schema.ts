/** Schema of {@link Bridge}. */
import { conditions, flag, integer, ipv4, list, mapList, object, oneLine, portNumber, rules, text, time, word, type Schema } from './schema.ts';
import { summaryLengths } from './bridge-summary.ts';
import { tunnelNumbers } from './egress.ts';
import { owner } from './owner-schema.ts';
import { previewsSchema } from './preview.ts';
import { hubPortRange } from './ports.ts';
import { targetKinds } from './target.ts';
import { trafficFields, trafficRules } from './traffic-schema.ts';

const name = (maxLength = 253): Schema => text(maxLength, { minLength: 1, pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' });
const protocol = word(['TCP', 'UDP']);
const stringMatch = { match: word(['exact', 'prefix', 'regex']), value: oneLine(1024) };

const target = object({
  kind: text(63, { pattern: '^[A-Z][A-Za-z0-9]*$', description: 'As Kubernetes spells it, in full and with a capital: Deployment' }),
  name: name(),
  resource: text(400, { pattern: '^[a-z0-9][-a-z0-9]*\\.v[a-z0-9]+(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$', description: 'Of a kind whose pods are found by its scale subresource: plural, version and group.' }),
  container: name(63),
}, ['kind', 'name', 'container'], rules(
  ['self == oldSelf', 'the target of a bridge cannot change: make another bridge'],
  [`has(self.resource) || self.kind in [${targetKinds.map((kind) => `'${kind}'`).join(', ')}]`, 'a kind that podbridge does not know needs its resource'],
));

const bridgePort = { port: portNumber, protocol, local: portNumber };

const rule = object({
  mark: text(63, { pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$', description: 'W3C baggage member bridge=<mark>.' }),
  headers: list(object({
    // RFC 9110 token.
    name: text(128, { minLength: 1, pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" }),
    ...stringMatch,
  }, ['name', 'match', 'value']), 16),
  path: object(stringMatch, ['match', 'value']),
  methods: list(text(32, { pattern: '^[A-Z]+$' }), 16, { 'x-kubernetes-list-type': 'set' }),
}, [], rules([
  'has(self.mark) || has(self.path) || (has(self.headers) && self.headers.size() > 0) || (has(self.methods) && self.methods.size() > 0)',
  'a rule has at least one condition; for all traffic give no rules',
]));

const spec = object({
  owner,
  client: text(253, { ...name(), description: 'Name of the Client in bridge-system that gets the traffic.', ...rules(['self == oldSelf', 'the client of a bridge cannot change']) }),
  target,
  ports: mapList(object(bridgePort, ['port', 'protocol', 'local']), ['port', 'protocol'], 64),
  rules: list(rule, 16),
  state: word(['Active', 'Draining']),
  servedBy: flag(),
  takeOver: flag(),
  egress: word(['hub', 'pod'], { description: "Where the container's connections come from: the hub's pod, or one of the target's." }),
  previews: previewsSchema,
  lifetime: text(32, {
    pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$', description: 'So long after its creation the bridge is removed. Absent: never.',
    ...rules(["duration(self) >= duration('1s')", 'at least one second'], ['self == oldSelf', 'the lifetime of a bridge cannot change']),
  }),
  ...trafficFields,
}, ['owner', 'client', 'target', 'ports'], rules(
  ["!has(self.rules) || self.rules.size() == 0 || self.ports.all(p, p.protocol == 'TCP')", 'rules look at HTTP requests: a bridge with rules has TCP ports only'],
  ...trafficRules,
));

const status = object({
  phase: word(['Pending', 'Attaching', 'Ready', 'Suspended', 'Draining', 'Failed']),
  desiredPods: integer(0, 2147483647),
  podSelector: object({ labels: text(4096), podName: name() }, [], rules(['has(self.labels) != has(self.podName)', 'either labels or podName'])),
  pods: mapList(object({
    name: name(),
    node: name(),
    ready: flag(),
    since: time,
    agent: text(64, { pattern: '^[0-9a-fA-F.:\\[\\]]+:[0-9]+$' }),
    address: ipv4,
    serving: flag(),
    frozen: flag(),
    egress: flag(),
    message: text(1024),
    note: text(1024),
  }, ['name', 'node', 'ready', 'since', 'agent']), ['name'], 10000),
  ports: mapList(object({ ...bridgePort, hubPort: integer(hubPortRange.first, hubPortRange.last) }, ['port', 'protocol', 'local', 'hubPort']), ['port', 'protocol'], 64),
  hubAddress: ipv4,
  egress: object({ address: ipv4, tunnel: integer(0, tunnelNumbers - 1), pod: name() }, ['address', 'tunnel']),
  summary: object({ target: text(summaryLengths.target), pods: text(32), ports: text(summaryLengths.ports), match: text(summaryLengths.match) }),
  conditions,
  observedGeneration: integer(0, Number.MAX_SAFE_INTEGER, { format: 'int64' }),
});

export const bridgeSchema: Schema = object({ spec, status }, ['spec'], {
  description: "Ports of the pods of one target, led to one container on the client's laptop.",
  // Names become host names, HAProxy names and container names.
  ...rules(["self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')", 'the name has at most 63 characters: lower-case letters, digits and hyphens']),
});
