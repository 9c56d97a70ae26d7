/** The screen of `bridge status`, line by line, for a given size. Pure: what is drawn depends on nothing else. */
import { asTyped } from '../../advice.ts';
import type { Program } from '../../host.ts';
import { describeRule } from '../../../protocol/rule.ts';
import { longTargetWords } from '../../../protocol/target.ts';
import { frozenWords } from '../../bridge/frozen-words.ts';
import { takenWords } from '../../bridge/taken-words.ts';
import type { StatusBridge, StatusContainer, StatusSnapshot } from '../snapshot.ts';
import { cut, tableLines, type Column } from './columns.ts';
import type { View } from './keys.ts';
import type { Line, Signs, Span, Style } from './line.ts';
import { bytes, graph, milliseconds, plain, rate, since } from './words.ts';

export interface Screen {
  columns: number;
  rows: number;
  signs: Signs;
  /** For commands to type. */
  program: Program;
  /** Milliseconds since 1970, for ages. */
  now: number;
}

const graphWidth = 20;
/** Below this width there is only room for what is most important. */
const narrow = 60;

export function bridgeKey({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}

/** What it takes, and what is done to that. */
export function takes(bridge: StatusBridge): string {
  return bridge.ports.length === 0 ? 'environment only' : takenWords(bridge.rules.map(describeRule).join(' | ') || 'all traffic', bridge);
}

/** Those that the filter leaves, by name, target, namespace, rule or state. */
export function shownBridges(snapshot: StatusSnapshot, filter: string): StatusBridge[] {
  const wanted = filter.toLowerCase();
  return snapshot.bridges.filter((bridge) => [bridgeKey(bridge), longTargetWords(bridge.target), takes(bridge), bridge.phase].some((text) => text.toLowerCase().includes(wanted)));
}

interface Sign {
  sign: string;
  style: Style;
  word: string;
}

function stateOf({ phase, serving, pods }: StatusBridge, signs: Signs): Sign {
  if (phase === 'Ready' && serving === false) return { sign: signs.warn, style: 'warn', word: 'Not listening' };
  const kinds: Record<string, Omit<Sign, 'word'>> = {
    Ready: { sign: signs.ok, style: 'good' }, Failed: { sign: signs.bad, style: 'bad' }, Suspended: { sign: signs.warn, style: 'warn' },
  };
  return { ...(kinds[phase] ?? { sign: signs.busy, style: 'accent' }), word: `${phase}${frozenWords(pods)}` };
}

function headerLine(snapshot: StatusSnapshot, { columns, signs }: Screen): Line {
  const time = snapshot.at.slice(11, 19);
  const left = cut(`podbridge status   context ${plain(snapshot.context)}   ${plain(snapshot.owner)}`, Math.max(0, columns - time.length - 2), signs.ellipsis);
  return [{ text: left, style: 'bold' }, { text: ' '.repeat(Math.max(2, columns - left.length - time.length)) }, { text: time, style: 'dim' }];
}

function linkLines(snapshot: StatusSnapshot, screen: Screen): Line[] {
  const { link } = snapshot;
  const { signs, columns, program } = screen;
  const state: Record<typeof link.state, Sign> = {
    up: { sign: signs.ok, style: 'good', word: 'up' }, silent: { sign: signs.warn, style: 'warn', word: 'silent: requests go to the pods' }, down: { sign: signs.bad, style: 'bad', word: asTyped(program, 'down (bridge up makes it)') },
  };
  const { sign, style, word } = state[link.state];
  const more = [
    ...(link.transport === null ? [] : [`${link.transport} ${link.endpoint ?? ''}`.trim()]),
    ...(link.handshakeAgeMs === null ? [] : [`handshake ${since(link.handshakeAgeMs)} ago`]),
    ...(link.mtu === null ? [] : [`mtu ${link.mtu}`]), link.name,
  ].join('   ');
  const first: Line = [{ text: 'LINK ', style: 'bold' }, { text: `${sign} ${word}`, style }, { text: cut(`   ${more}`, Math.max(0, columns - 6 - sign.length - word.length), signs.ellipsis) }];
  if (link.latencyMs === null) return [first];
  const speed = link.receivedPerSecond === null || link.sentPerSecond === null ? '' : `   ${signs.down} ${bytes(link.receivedPerSecond)}/s  ${signs.up} ${bytes(link.sentPerSecond)}/s`;
  const wide = columns >= narrow ? graphWidth : 8;
  return [first, [
    { text: `     latency ${milliseconds(link.latencyMs)} ` }, { text: graph(link.latenciesMs, wide, signs.levels), style: 'accent' }, { text: cut(speed, Math.max(0, columns - 24 - wide), signs.ellipsis) },
  ]];
}

function requestCell(bridge: StatusBridge, kind: 'local' | 'original' | 'failed'): { text: string; style?: Style } {
  const { requests } = bridge;
  if (requests === null) return { text: '-', style: 'dim' };
  const perSecond = requests.perSecond?.[kind];
  if (perSecond === undefined) return { text: String(requests[kind]) };
  return { text: `${rate(perSecond)}/s`, ...(kind === 'failed' && perSecond > 0 ? { style: 'bad' as const } : perSecond === 0 ? { style: 'dim' as const } : {}) };
}

function bridgeColumns(signs: Signs, selected: string | undefined, several: boolean): Column<StatusBridge>[] {
  return [
    {
      title: '  BRIDGE', importance: 0, shrinkTo: 12,
      cell: (bridge) => ({ text: `${bridgeKey(bridge) === selected ? signs.select : ' '} ${several ? bridgeKey(bridge) : bridge.name}`, ...(bridgeKey(bridge) === selected ? { style: 'bold' as const } : {}) }),
    },
    { title: 'TARGET', importance: 4, shrinkTo: 8, cell: ({ target }) => ({ text: longTargetWords(target) }) },
    { title: 'PODS', importance: 6, cell: ({ pods, desiredPods }) => ({ text: `${pods.filter(({ ready }) => ready).length}/${desiredPods ?? '?'}` }) },
    { title: 'RULE', importance: 3, shrinkTo: 8, cell: (bridge) => ({ text: plain(takes(bridge)) }) },
    { title: 'LOCAL', align: 'right', importance: 7, cell: (bridge) => requestCell(bridge, 'local') },
    { title: 'ORIGINAL', align: 'right', importance: 2, cell: (bridge) => requestCell(bridge, 'original') },
    { title: 'FAILED', align: 'right', importance: 5, cell: (bridge) => requestCell(bridge, 'failed') },
    { title: 'STATE', importance: 0, cell: (bridge) => { const { sign, style, word } = stateOf(bridge, signs); return { text: `${sign} ${word}`, style }; } },
  ];
}

function containerColumns(signs: Signs): Column<StatusContainer>[] {
  const states: Record<string, Omit<Sign, 'word'>> = { running: { sign: signs.ok, style: 'good' }, exited: { sign: signs.bad, style: 'bad' }, dead: { sign: signs.bad, style: 'bad' } };
  return [
    { title: '  CONTAINER', importance: 0, shrinkTo: 12, cell: ({ name }) => ({ text: `  ${name}` }) },
    { title: 'STATE', importance: 0, cell: ({ state }) => { const { sign, style } = states[state] ?? { sign: signs.warn, style: 'warn' as const }; return { text: `${sign} ${state}`, style }; } },
    { title: 'CPU', align: 'right', importance: 5, cell: ({ cpuPercent }) => ({ text: cpuPercent === null ? '-' : `${cpuPercent.toFixed(cpuPercent < 10 ? 1 : 0)} %` }) },
    { title: 'MEMORY', align: 'right', importance: 5, cell: ({ memoryBytes }) => ({ text: memoryBytes === null ? '-' : bytes(memoryBytes) }) },
    { title: 'ADDRESS', importance: 3, cell: ({ address }) => ({ text: address ?? '-' }) },
    { title: 'PORTS', importance: 2, shrinkTo: 8, cell: ({ published }) => ({ text: published.join(', ') || '-' }) },
    { title: 'IMAGE', importance: 1, shrinkTo: 10, cell: ({ image }) => ({ text: plain(image) }) },
  ];
}

function section(title: string, { columns, signs }: Screen): Line {
  return [{ text: `${cut(title, Math.max(0, columns - 1), signs.ellipsis)} `, style: 'bold' }, { text: signs.rule.repeat(Math.max(0, columns - title.length - 1)), style: 'dim' }];
}

function bridgeLines(snapshot: StatusSnapshot, view: View, screen: Screen): Line[] {
  const { signs, columns, program } = screen;
  const shown = shownBridges(snapshot, view.filter);
  const title = view.filter === '' ? 'BRIDGES' : `BRIDGES with '${view.filter}' (${shown.length} of ${snapshot.bridges.length})`;
  if (shown.length === 0) return [section(title, screen), [{ text: snapshot.bridges.length === 0 && !snapshot.bridgesKnown ? asTyped(program, '  Not known: the cluster cannot be asked. bridge doctor says why') : snapshot.bridges.length === 0 ? asTyped(program, '  There is no bridge. Begin with: bridge run --image IMAGE --target deploy/NAME') : '  No bridge matches. Esc shows all', style: 'dim' }]];
  const several = new Set(shown.map(({ namespace }) => namespace)).size > 1;
  const [heading = [], ...rows] = tableLines(bridgeColumns(signs, view.selected, several), shown, columns, signs.ellipsis);
  return [section(title, screen), heading, ...rows.flatMap((row, index) => {
    const bridge = shown[index]!;
    const calm = bridge.phase === 'Ready' && bridge.serving !== false;
    const why: Line = [{ text: cut(`      ${asTyped(program, plain(bridge.message))}`, columns, signs.ellipsis), style: 'dim' }];
    return calm ? [row] : [row, why];
  })];
}

function eventLines(snapshot: StatusSnapshot, screen: Screen, room: number): Line[] {
  const { signs, columns } = screen;
  const styles = { info: undefined, warning: 'warn', error: 'bad' } as const;
  const marks = { info: ' ', warning: signs.warn, error: signs.bad } as const;
  return snapshot.events.slice(-Math.max(0, room)).map(({ at, severity, subject, text }): Line => {
    const style = styles[severity];
    return [{ text: `  ${at.slice(11, 19)} `, style: 'dim' }, { text: cut(`${marks[severity]} ${plain(subject)}: ${plain(text)}`, Math.max(0, columns - 11), signs.ellipsis), ...(style === undefined ? {} : { style }) }];
  });
}

const help: readonly (readonly [string, string])[] = [
  ['up, down, j, k', 'choose a bridge'], ['l', 'log of its container (again, or Esc: back)'], ['t', 'requests that its target gets, as bridge tap shows them (again, or Esc: back)'], ['s', 'stop it: the bridge ends, the container is removed'], ['r', 'restart its container; meanwhile requests go to the pods'],
  ['c', 'copy a curl line whose request it takes'], ['/', 'show only bridges that match'], ['Esc', 'back, or no filter'], ['?', 'this help'], ['q, Ctrl-C', 'quit; bridges stay'],
];

function helpLines({ columns, signs, program }: Screen): Line[] {
  return [
    ...help.map(([key, meaning]): Line => [{ text: `  ${key.padEnd(16)}`, style: 'accent' }, { text: cut(asTyped(program, meaning), Math.max(0, columns - 18), signs.ellipsis) }]),
    [{ text: '' }],
    ...[
      'LOCAL     requests per second that the container gets (connections, for a bridge without rules)',
      'ORIGINAL  requests that go to the pods\' own process on the same ports',
      'FAILED    requests that neither answered',
    ].map((text): Line => [{ text: cut(`  ${text}`, columns, signs.ellipsis), style: 'dim' }]),
  ];
}

const footerKeys: readonly (readonly [string, string])[] = [['q', 'quit'], ['?', 'help'], ['l', 'logs'], ['t', 'tap'], ['s', 'stop'], ['r', 'restart'], ['c', 'copy curl'], ['/', 'filter']];

function footer(view: View, { columns, signs }: Screen): Line {
  const fill = (spans: Span[]): Line => {
    const length = spans.reduce((sum, { text }) => sum + text.length, 0);
    return length <= columns ? spans : [{ text: cut(spans.map(({ text }) => text).join(''), columns, signs.ellipsis), ...(spans[0]?.style === undefined ? {} : { style: spans[0].style }) }];
  };
  if (view.mode === 'confirm-stop') return fill([{ text: `Stop ${view.selected ?? ''}? `, style: 'warn' }, { text: 'y yes   any other key no' }]);
  if (view.mode === 'filter') return fill([{ text: 'filter: ', style: 'accent' }, { text: `${view.filter}_` }, { text: '   Enter keep   Esc all', style: 'dim' }]);
  if (view.notice !== undefined) return fill([{ text: plain(view.notice.text), style: view.notice.severity === 'error' ? 'bad' : view.notice.severity === 'warning' ? 'warn' : 'accent' }]);
  return fill(footerKeys.flatMap(([key, word], index) => [{ text: key, style: 'accent' as const }, { text: ` ${word}${index === footerKeys.length - 1 ? '' : '   '}` }]));
}

function logLines(view: View, screen: Screen, room: number): Line[] {
  const { columns, signs } = screen;
  const lines = view.log.slice(-room).map((line): Line => [{ text: cut(plain(line), columns, signs.ellipsis) }]);
  return lines.length === 0 ? [[{ text: '  (nothing yet)', style: 'dim' }]] : lines;
}

/** Never more lines than `rows - 1`, so that the terminal has nothing to scroll; the last is the footer. */
export function screenLines(snapshot: StatusSnapshot | undefined, view: View, screen: Screen): Line[] {
  const room = Math.max(1, screen.rows - 1);
  const foot = footer(view, screen);
  const looking: Line = [{ text: 'Looking ...', style: 'dim' }];
  if (snapshot === undefined) return [looking, foot].slice(-room);
  const head = headerLine(snapshot, screen);
  const withFoot = (body: readonly Line[]): Line[] => [...body.slice(0, Math.max(0, room - 1)), foot];
  if (view.mode === 'help') return withFoot([head, [{ text: '' }], ...helpLines(screen)]);
  const title = { logs: 'LOG of', requests: 'REQUESTS to the target of' } as const;
  if (view.mode === 'logs' || view.mode === 'requests') return withFoot([head, section(`${title[view.mode]} ${view.selected ?? ''}`, screen), ...logLines(view, screen, room - 3)]);
  const problems = snapshot.problems.map((problem): Line => [{ text: cut(`${screen.signs.warn} ${plain(problem)}`, screen.columns, screen.signs.ellipsis), style: 'warn' }]);
  const top = [head, ...linkLines(snapshot, screen), ...problems];
  const bridges = bridgeLines(snapshot, view, screen);
  const containers = snapshot.containers.length === 0 ? [] : [section('CONTAINERS', screen), ...tableLines(containerColumns(screen.signs), snapshot.containers, screen.columns, screen.signs.ellipsis)];
  let left = room - 1 - top.length;
  const shownBridgeLines = bridges.slice(0, Math.max(0, left));
  left -= shownBridgeLines.length;
  // A heading without a line below it says nothing.
  const shownContainers = left >= 3 ? containers.slice(0, left) : [];
  left -= shownContainers.length;
  const events = left >= 2 && snapshot.events.length > 0 ? [section('EVENTS', screen), ...eventLines(snapshot, screen, left - 1)] : [];
  return withFoot([...top, ...shownBridgeLines, ...shownContainers, ...events]);
}
