/** `deploy/api` -> kind and name, with kubectl's short and long kinds. */
import type { TargetKind } from '../../protocol/objects.ts';
import { BridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';

export interface TargetRef {
  kind: TargetKind;
  name: string;
}

const aliases: Record<string, TargetKind> = {
  deploy: 'Deployment', deployment: 'Deployment', deployments: 'Deployment',
  sts: 'StatefulSet', statefulset: 'StatefulSet', statefulsets: 'StatefulSet',
  ds: 'DaemonSet', daemonset: 'DaemonSet', daemonsets: 'DaemonSet',
  rs: 'ReplicaSet', replicaset: 'ReplicaSet', replicasets: 'ReplicaSet',
  po: 'Pod', pod: 'Pod', pods: 'Pod',
  job: 'Job', jobs: 'Job',
  svc: 'Service', service: 'Service', services: 'Service',
};
/** `Deployment` -> `deploy`: as people write it. */
export function kindAlias(kind: TargetKind): string {
  return Object.keys(aliases).find((alias) => aliases[alias] === kind && alias !== 'po') ?? kind.toLowerCase();
}

const groups: Partial<Record<TargetKind, string>> = { Deployment: 'apps', StatefulSet: 'apps', DaemonSet: 'apps', ReplicaSet: 'apps', Job: 'batch' };

/** Kinds that people try and that have no pods of their own to bridge, with what to name instead. */
const insteadOf: Record<string, string> = {
  cj: 'a CronJob has pods only while it runs: name the job, as job/NAME', cronjob: 'a CronJob has pods only while it runs: name the job, as job/NAME',
  ing: 'name the service behind the Ingress, as svc/NAME', ingress: 'name the service behind the Ingress, as svc/NAME',
  rc: 'ReplicationControllers are not supported: name one of its pods, as pod/NAME', replicationcontroller: 'ReplicationControllers are not supported: name one of its pods, as pod/NAME',
  ns: 'name a workload in it, as deploy/NAME, and the namespace with -n', namespace: 'name a workload in it, as deploy/NAME, and the namespace with -n',
  node: 'name a workload, as deploy/NAME', no: 'name a workload, as deploy/NAME',
};

export const kindsForPeople = 'deploy, sts, ds, rs, pod, job, svc';
const namePattern = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

function refuse(what: string, why: string, next: string): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'target-malformed', what, why, next });
}

export function parseTarget(text: string): TargetRef {
  const [kindWord = '', name = '', ...more] = text.split('/');
  if (!text.includes('/')) return failWithoutKind(text);
  const [word = '', ...group] = kindWord.toLowerCase().split('.');
  const kind = Object.hasOwn(aliases, word) ? aliases[word] : undefined;
  if (kind === undefined || (group.length > 0 && group[0] !== groups[kind])) {
    const instead = insteadOf[word.replace(/s$/, '')] ?? insteadOf[word];
    const meant = suggest(word, Object.keys(aliases));
    throw refuse(`'${kindWord}' is no kind that can be bridged`, instead ?? `the kinds are ${kindsForPeople}${meant === undefined ? '' : `; did you mean ${meant}?`}`, `--target ${meant ?? 'deploy'}/${name || 'NAME'}`);
  }
  if (more.length > 0 || !namePattern.test(name)) {
    throw refuse(`'${text}' is no target`, name === '' ? 'the name is missing' : more.length > 0 ? 'it has more than one slash' : `'${name}' is no name of a Kubernetes object`, `--target ${kindWord}/NAME`);
  }
  return { kind, name };
}

function failWithoutKind(text: string): never {
  throw refuse(`'${text}' does not say what kind of thing it is`, `a target is KIND/NAME, KIND one of ${kindsForPeople}`, `--target deploy/${text === '' ? 'NAME' : text}`);
}

/** `deployment api` */
export function describeTarget(ref: TargetRef): string {
  return `${ref.kind.toLowerCase()} ${ref.name}`;
}
