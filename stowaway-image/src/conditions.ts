import type { Condition } from '../../protocol/objects.ts';

export type NewCondition = Omit<Condition, 'lastTransitionTime'>;

/** Conditions as they are to be written: the transition time changes only with the status (as in Kubernetes). */
export function withTransitionTimes(previous: readonly Condition[] | undefined, next: readonly NewCondition[], now: Date): Condition[] {
  return next.map((condition) => {
    const before = previous?.find(({ type }) => type === condition.type);
    const unchanged = before?.status === condition.status;
    return { ...condition, lastTransitionTime: unchanged ? before.lastTransitionTime : timestamp(now) };
  });
}

/** RFC 3339 with seconds, as metav1.Time. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
