/** A status for pipes and for people without a screen: one table, or lines as time goes by. */
import type { Program } from '../host.ts';
import { frozenWords } from '../bridge/frozen-words.ts';
import { asciiSigns, textOf, type Signs } from './screen/line.ts';
import { screenLines, takes } from './screen/layout.ts';
import { firstView } from './screen/keys.ts';
import { bytes, milliseconds, plain, rate } from './screen/words.ts';
import type { StatusEvent, StatusSnapshot } from './snapshot.ts';

/** Nothing has to fit: no column is left out and no line is cut. */
const unlimited = 4096;
/** Events of a single answer. */
const fewEvents = 10;

export function statusText(snapshot: StatusSnapshot, signs: Signs = asciiSigns, program: Program = 'bridge'): string {
  const shown = { ...snapshot, events: snapshot.events.slice(-fewEvents) };
  // Room for rules across the page is not wanted here.
  const lines = screenLines(shown, firstView, { columns: unlimited, rows: unlimited, signs: { ...signs, rule: '' }, program, now: Date.parse(snapshot.at) }).slice(0, -1).map((line) => textOf(line).trimEnd());
  return [lines[0]!.replace(/ {20,}/, '   '), ...lines.slice(1)].join('\n');
}

export function eventLine({ at, severity, subject, text }: StatusEvent): string {
  return `${at.slice(11, 19)} ${severity === 'info' ? '' : `${severity}: `}${plain(subject)}: ${plain(text)}`;
}

/** `--watch`: one line for the link, and one for each bridge. */
export function watchLines({ at, link, bridges, problems }: StatusSnapshot): string[] {
  const time = at.slice(11, 19);
  const speed = link.receivedPerSecond === null || link.sentPerSecond === null ? '' : ` in ${bytes(link.receivedPerSecond)}/s out ${bytes(link.sentPerSecond)}/s`;
  return [
    `${time} link ${link.state}${link.transport === null ? '' : ` ${link.transport}`}${link.latencyMs === null ? '' : ` ${milliseconds(link.latencyMs)}`}${speed}`,
    ...bridges.map((bridge) => {
      const { namespace, name, phase, serving, pods, desiredPods, requests } = bridge;
      const perSecond = requests?.perSecond;
      const counted = perSecond === undefined || perSecond === null ? '' : ` local ${rate(perSecond.local)}/s original ${rate(perSecond.original)}/s failed ${rate(perSecond.failed)}/s`;
      return `${time} bridge ${namespace}/${name} ${phase}${frozenWords(pods)}${serving === false ? ' (not listening)' : ''} pods ${pods.filter(({ ready }) => ready).length}/${desiredPods ?? '?'}${counted} ${plain(takes(bridge))}`;
    }),
    ...problems.map((problem) => `${time} problem: ${plain(problem)}`),
  ];
}
