/**
 * Of several bridges that claim the same requests of the same pods one has them. Who had them keeps them, else the older bridge,
 * until it ends; one with `spec.takeOver` gets them from a bridge whose link is silent. Pure.
 */
import { collisionReasons } from '../../../protocol/names.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { describeRule, type Rule } from '../../../protocol/rule.ts';
import { targetWords } from '../../../protocol/target.ts';
import { collision, type Collision } from '../../../protocol/rule-collision.ts';
import { failure, type BridgeFacts } from './bridge-status.ts';
import type { Problem } from './problem.ts';

export interface Verdict {
  /** By uid of the bridge that must stand back. */
  losers: Map<string, Problem>;
  /** By uid of a bridge that has taken requests over: from whom. */
  takenOver: Map<string, Bridge[]>;
  /** Uids of those that have what they claim: to be handed in again the next time. */
  held: Set<string>;
}

export function judgeCollisions(facts: readonly BridgeFacts[], held: ReadonlySet<string>): Verdict {
  const losers = new Map<string, Problem>();
  const takenOver = new Map<string, Bridge[]>();
  const winners = new Winners();
  const lose = (loser: BridgeFacts, winner: BridgeFacts, found: Collision): void => {
    const problem = lost(loser, winner, found);
    losers.set(uidOf(loser.bridge), problem);
    const uid = uidOf(winner.bridge);
    if (problem.reason === collisionReasons.takenOver) takenOver.set(uid, [...takenOver.get(uid) ?? [], loser.bridge]);
  };
  for (const fact of inOrder(facts.filter(claims), held)) {
    const rivals = winners.beside(fact).flatMap((winner) => {
      const found = collision(fact.bridge.spec, winner.bridge.spec);
      return found === undefined ? [] : [{ winner, found }];
    });
    const strong = rivals.find(({ winner }) => !yields(winner, fact));
    if (strong !== undefined) {
      lose(fact, strong.winner, strong.found);
      continue;
    }
    for (const { winner, found } of rivals) {
      winners.delete(winner);
      lose(winner, fact, found);
    }
    winners.add(fact);
  }
  // After a start nothing is known of the targets for a moment: what was held stays held.
  const unknown = facts.filter(({ bridge, target }) => target === undefined && held.has(uidOf(bridge)));
  return { losers, takenOver, held: new Set([...winners.all, ...unknown].map(({ bridge }) => uidOf(bridge))) };
}

/** After a start of the controller: those that agents serve. */
export function heldBefore(bridges: Iterable<Bridge>): Set<string> {
  return new Set([...bridges].filter(({ status }) => status?.podSelector !== undefined).map(uidOf));
}

const uidOf = ({ metadata }: Bridge): string => metadata.uid ?? '';

function claims(fact: BridgeFacts): boolean {
  // Who only looks (mode tap) takes nothing from anybody.
  return fact.bridge.spec.mode !== 'tap' && fact.bridge.spec.ports.length > 0 && fact.bridge.spec.state !== 'Draining' && fact.target !== undefined && failure(fact) === undefined;
}

function inOrder(facts: readonly BridgeFacts[], held: ReadonlySet<string>): BridgeFacts[] {
  const keyed = facts.map((fact) => {
    const { uid = '', creationTimestamp = '', name } = fact.bridge.metadata;
    return { fact, key: `${held.has(uid) ? 0 : 1} ${creationTimestamp} ${name}` };
  });
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ fact }) => fact);
}

/** Where a bridge stands: its target by name, and its pods. Bridges that have none of these in common do not meet. */
function places({ bridge: { metadata: { namespace = '' }, spec }, pods = [] }: BridgeFacts): string[] {
  return [`${namespace} ${targetWords(spec.target)}`, ...pods.map(({ metadata }) => `${namespace}/${metadata.name}`)];
}

/** Found by their places: at some thousand bridges each cannot be compared with every other at every change. */
class Winners {
  readonly all = new Set<BridgeFacts>();
  readonly #at = new Map<string, Set<BridgeFacts>>();

  add(fact: BridgeFacts): void {
    this.all.add(fact);
    for (const place of places(fact)) {
      const there = this.#at.get(place);
      if (there === undefined) this.#at.set(place, new Set([fact]));
      else there.add(fact);
    }
  }

  delete(fact: BridgeFacts): void {
    this.all.delete(fact);
    for (const place of places(fact)) this.#at.get(place)?.delete(fact);
  }

  beside(fact: BridgeFacts): BridgeFacts[] {
    return [...new Set(places(fact).flatMap((place) => [...this.#at.get(place) ?? []]))];
  }
}

function isSilent({ client }: BridgeFacts): boolean {
  return client?.status?.phase === 'Suspended' || client?.status?.phase === 'Gone';
}

function yields(winner: BridgeFacts, newcomer: BridgeFacts): boolean {
  return newcomer.bridge.spec.takeOver === true && isSilent(winner);
}

function words(rule: Rule | undefined): string {
  return rule === undefined ? 'all traffic' : describeRule(rule);
}

function lost(loser: BridgeFacts, winner: BridgeFacts, { port, mine, theirs }: Collision): Problem {
  const { metadata: { name }, spec: { owner, takeOver } } = winner.bridge;
  const [own, others] = [words(mine), words(theirs)];
  const older = (loser.bridge.metadata.creationTimestamp ?? '') <= (winner.bridge.metadata.creationTimestamp ?? '');
  if (takeOver === true && older) {
    return { reason: collisionReasons.takenOver, message: `Bridge ${name} of ${owner} has taken over ${others} on port ${port.port} while this bridge's link was silent. It comes back when that bridge ends.` };
  }
  const claim = own === others ? `${own} on port ${port.port}` : `${own} on port ${port.port} overlaps with ${others}, which`;
  const silent = isSilent(winner);
  const advice = [
    mine === undefined ? 'share the pods by a rule (--mark, --header, --path)' : 'use another mark, header or path',
    silent ? 'take it over with --take-over, because its link is silent' : winner.bridge.spec.owner === loser.bridge.spec.owner ? `stop the other: bridge stop ${name}` : `ask ${owner} to stop it${loser.bridge.spec.takeOver === true ? ' (--take-over takes only what belongs to a silent link)' : ''}`,
  ];
  return { reason: silent ? collisionReasons.takenBySilent : collisionReasons.taken, message: `${claim} goes to bridge ${name} of ${owner} already: ${advice.join(', or ')}.` };
}
