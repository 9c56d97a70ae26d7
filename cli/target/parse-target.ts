/** `deploy/api` -> kind and name, with kubectl's short and long kinds. */
import { kindAliases, kindGroups, type TargetName } from '../../protocol/target.ts';
import { BridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';

export interface TargetRef extends TargetName {
  /** The kind is none that podbridge knows, and stands as it was written: the cluster must be asked (custom-kind.ts). Its group, '' when none was given. */
  group?: string;
}

/** Kinds that people try and that have no pods of their own to bridge, with what to name instead. */
const insteadOf: Record<string, string> = {
  cj: 'a CronJob has pods only while it runs: name the job, as job/NAME', cronjob: 'a CronJob has pods only while it runs: name the job, as job/NAME',
  ing: 'name the service behind the Ingress, as svc/NAME', ingress: 'name the service behind the Ingress, as svc/NAME',
  rc: 'ReplicationControllers are not supported: name one of its pods, as pod/NAME', replicationcontroller: 'ReplicationControllers are not supported: name one of its pods, as pod/NAME',
  ns: 'name a workload in it, as deploy/NAME, and the namespace with -n', namespace: 'name a workload in it, as deploy/NAME, and the namespace with -n',
  node: 'name a workload, as deploy/NAME', no: 'name a workload, as deploy/NAME',
};

export const kindsForPeople = 'deploy, sts, ds, rs, pod, job, svc, and any other that has the scale subresource';
const namePattern = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const kindPattern = /^[a-z][-a-z0-9]{0,62}$/;

function refuse(what: string, why: string, next: string): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'target-malformed', what, why, next });
}

/** Of kinds that podbridge does not know, only the form is looked at. */
/** @param typed how this command names a target, for the error's next command */
export function parseTarget(text: string, typed: (target: string) => string = (target) => `--target ${target}`): TargetRef {
  const [kindText = '', name = '', ...more] = text.split('/');
  if (!text.includes('/')) return failWithoutKind(text, typed);
  const [word = '', ...parts] = kindText.toLowerCase().split('.');
  const group = parts.join('.');
  const known = Object.hasOwn(kindAliases, word) ? kindAliases[word] : undefined;
  const kind = known !== undefined && (group === '' || group === kindGroups[known]) ? known : undefined;
  if (kind === undefined && (!kindPattern.test(word) || group === '')) {
    const instead = Object.hasOwn(insteadOf, word) ? insteadOf[word] : insteadOf[word.replace(/s$/, '')];
    const meant = suggest(word, Object.keys(kindAliases));
    // A kind of which only the cluster can know.
    if (instead === undefined && meant === undefined && kindPattern.test(word)) return checked(text, { kind: word, name, group }, kindText, more, typed);
    throw refuse(`'${kindText}' is no kind that can be bridged`, instead ?? `the kinds are ${kindsForPeople}${meant === undefined ? '' : `; did you mean ${meant}?`}`, typed(`${meant ?? 'deploy'}/${name || 'NAME'}`));
  }
  return checked(text, kind === undefined ? { kind: word, name, group } : { kind, name }, kindText, more, typed);
}

function checked(text: string, ref: TargetRef, kindText: string, more: string[], typed: (target: string) => string): TargetRef {
  if (more.length === 0 && namePattern.test(ref.name)) return ref;
  throw refuse(`'${text}' is no target`, ref.name === '' ? 'the name is missing' : more.length > 0 ? 'it has more than one slash' : `'${ref.name}' is no name of a Kubernetes object`, typed(`${kindText}/NAME`));
}

function failWithoutKind(text: string, typed: (target: string) => string): never {
  throw refuse(`'${text}' does not say what kind of thing it is`, `a target is KIND/NAME, KIND one of ${kindsForPeople}`, typed(`deploy/${text === '' ? 'NAME' : text}`));
}

/** `deployment api` */
export function describeTarget(ref: TargetName): string {
  return `${ref.kind.toLowerCase()} ${ref.name}`;
}
