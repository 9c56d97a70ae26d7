/** What is bridged now, for people and for machines. */
import type { Bridge, BridgeTarget } from '../../protocol/objects.ts';
import { describeRule, headersFor, markBaggageKey, type Rule } from '../../protocol/rule.ts';
import type { PortPublish } from '../adapters/docker/index.ts';
import { shellWord } from '../shell-words.ts';
import { takenWords, type ToldTreatment } from './taken-words.ts';
import { describeTarget } from '../target/parse-target.ts';

export interface RunSummary extends ToldTreatment {
  bridge: { namespace: string; name: string } | null;
  container: { id: string; name: string; address: string; image: string };
  target: BridgeTarget | null;
  ports: { port: number; protocol: string; local: number }[];
  rules: Rule[];
  pods: { name: string; node: string }[];
  link: { client: string; transport: string };
  /** Ports of the container on this machine, as Docker chose or was told: `127.0.0.1:32768 -> 80/tcp`. */
  published: string[];
  /** From the start of the process. */
  elapsedMs: number;
}

function portWords(ports: RunSummary['ports']): string {
  return ports.map(({ port, protocol, local }) => `${port}${protocol === 'UDP' ? '/udp' : ''}${local === port ? '' : ` -> ${local}`}`).join(', ');
}

/** An HTTP request that one of the rules takes, as words for curl, the last of them the URL; undefined when it cannot be told. @param host what stands for it where no path follows */
export function curlWords(rules: Rule[], host = '...'): string[] | undefined {
  const rule = rules.find((candidate) => candidate.path?.match !== 'regex' && !(candidate.headers ?? []).some((header) => header.match === 'regex'));
  if (rule === undefined) return undefined;
  const method = rule.methods?.[0];
  return [
    ...(method === undefined || method === 'GET' ? [] : method === 'HEAD' ? ['-I'] : ['-X', method]),
    ...(rule.mark === undefined ? [] : ['-H', shellWord(`baggage: ${markBaggageKey}=${rule.mark}`)]),
    ...(rule.headers ?? []).flatMap((header) => ['-H', shellWord(`${header.name}: ${header.value}`)]),
    shellWord(`http://${rule.path === undefined ? host : `...${rule.path.value}`}`),
  ];
}

export function headline({ container, target, ports, rules, pods, ...treatment }: RunSummary): string {
  if (target === null) return `Container ${container.name} stands in the cluster's network`;
  const words = describeTarget(target);
  if (ports.length === 0) return `Container ${container.name} has the environment and network of ${words}; nothing is bridged`;
  const what = takenWords(rules.length === 0 ? 'all traffic' : `requests with ${rules.map(describeRule).join(', or ')}`, treatment);
  return `Bridged: ${words}, ${pods.length} pod${pods.length === 1 ? '' : 's'}, port${ports.length === 1 ? '' : 's'} ${portWords(ports)}: ${what} to container ${container.name}`;
}

/** The headers as a browser's script writes them. */
function snippet({ mark, headers }: NonNullable<ReturnType<typeof headersFor>>): string {
  const all = [...(mark === undefined ? [] : [['baggage', `${markBaggageKey}=${mark}`]]), ...headers];
  return `{ ${all.map(([name, value]) => `${/^[a-z]+$/i.test(name!) ? name! : JSON.stringify(name)}: ${JSON.stringify(value)}`).join(', ')} }`;
}

/** How to make a request that comes to the container. */
export function tryLines({ rules }: RunSummary): string[] {
  const words = rules.length === 0 ? undefined : curlWords(rules);
  return words === undefined ? [] : [`  try:  curl ${words.join(' ')}`];
}

export function bridgedText(summary: RunSummary, detached: boolean): string {
  const { bridge, container, rules } = summary;
  const namespaceFlag = bridge === null ? '' : ` -n ${bridge.namespace}`;
  const lines = [headline(summary), ...summary.published.map((port) => `  port: ${port}`), ...tryLines(summary)];
  const added = headersFor(rules);
  if (bridge !== null && added !== undefined && (added.mark !== undefined || added.headers.length > 0)) {
    lines.push(`  page: fetch(url, { headers: ${snippet(added)} })`, `  see:  bridge open svc/NAME${namespaceFlag}, or for others: bridge preview create --entry svc/NAME${namespaceFlag}`);
  }
  lines.push(detached ? `  log:  bridge logs ${bridge?.name ?? container.name} -f${namespaceFlag}\n  stop: bridge stop ${bridge?.name ?? container.name}${namespaceFlag}` : '  stop: Ctrl-C');
  return lines.join('\n');
}

/** One line for each; of IPv4 and IPv6 alike only the first. */
export function publishedWords(ports: readonly PortPublish[]): string[] {
  const both = (port: PortPublish): string => `${port.hostPort} ${port.containerPort}/${port.protocol}`;
  const own = ports.filter((port, index) => !(port.hostIp === '::' && ports.some((other, at) => at !== index && other.hostIp === '0.0.0.0' && both(other) === both(port))));
  return own.map(({ hostIp = '', hostPort, containerPort, protocol }) => `${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:${hostPort ?? '?'} -> ${containerPort}/${protocol}`);
}

export function podsOf(bridge: Bridge): RunSummary['pods'] {
  return (bridge.status?.pods ?? []).filter((pod) => pod.ready).map(({ name, node }) => ({ name, node }));
}
