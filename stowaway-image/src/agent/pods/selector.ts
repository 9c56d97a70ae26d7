/** Label selectors in the string form of Kubernetes: `app=api,tier in (a,b),!legacy`. */
import type { PodSelector } from '../../../../protocol/objects.ts';

type Labels = Record<string, string>;
type Requirement = (labels: Labels) => boolean;

export interface Selectable {
  metadata: { name: string; labels?: Labels };
}

/** @throws Error when the selector cannot be read; it was written by our controller, so that is a defect. */
export function podMatcher(selector: PodSelector): (pod: Selectable) => boolean {
  if ('podName' in selector) return (pod) => pod.metadata.name === selector.podName;
  const requirements = splitTerms(selector.labels).map(requirement);
  // An empty selector would match every pod of the namespace: Kubernetes' meaning, never ours.
  return (pod) => requirements.length > 0 && requirements.every((holds) => holds(pod.metadata.labels ?? {}));
}

/** Splits at commas outside parentheses. */
function splitTerms(text: string): string[] {
  return text.split(/,(?![^(]*\))/).map((term) => term.trim()).filter((term) => term !== '');
}

function requirement(term: string): Requirement {
  const set = /^([^\s=!()]+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map((value) => value.trim()));
    return operator === 'in'
      ? (labels) => labels[key] !== undefined && values.has(labels[key])
      : (labels) => labels[key] === undefined || !values.has(labels[key]);
  }
  const equality = /^([^\s=!()]+)\s*(==|=|!=)\s*([^\s=!()]*)$/.exec(term);
  if (equality !== null) {
    const [, key = '', operator, value] = equality;
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const existence = /^(!?)\s*([^\s=!()]+)$/.exec(term);
  if (existence !== null) {
    const [, absent, key = ''] = existence;
    return absent === '!' ? (labels) => labels[key] === undefined : (labels) => labels[key] !== undefined;
  }
  throw new Error(`not a label selector: ${JSON.stringify(term)}`);
}
