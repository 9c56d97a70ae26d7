/** What a bridge's target may be, and how it is written. */

/** Kinds whose pods podbridge finds by itself. Any other is found by its scale subresource. */
export const targetKinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Pod', 'Job', 'Service'] as const;
export type TargetKind = typeof targetKinds[number];

export interface TargetName {
  /** One of {@link targetKinds}, or with `resource` any other: `Rollout`. */
  kind: string;
  name: string;
  /** Of a kind that is none of {@link targetKinds}: plural, version and group, as kubectl takes it (`rollouts.v1alpha1.argoproj.io`). */
  resource?: string;
}

export interface CustomResource {
  plural: string;
  version: string;
  group: string;
}

export function parseResource(resource: string): CustomResource {
  const [plural = '', version = '', ...group] = resource.split('.');
  return { plural, version, group: group.join('.') };
}

/** What people write for them, in lower case. */
export const kindAliases: Readonly<Record<string, TargetKind>> = {
  deploy: 'Deployment', deployment: 'Deployment', deployments: 'Deployment',
  sts: 'StatefulSet', statefulset: 'StatefulSet', statefulsets: 'StatefulSet',
  ds: 'DaemonSet', daemonset: 'DaemonSet', daemonsets: 'DaemonSet',
  rs: 'ReplicaSet', replicaset: 'ReplicaSet', replicasets: 'ReplicaSet',
  po: 'Pod', pod: 'Pod', pods: 'Pod',
  job: 'Job', jobs: 'Job',
  svc: 'Service', service: 'Service', services: 'Service',
};

/** May stand behind them: `deployments.apps`. */
export const kindGroups: Readonly<Partial<Record<TargetKind, string>>> = { Deployment: 'apps', StatefulSet: 'apps', DaemonSet: 'apps', ReplicaSet: 'apps', Job: 'batch' };

export const shortKinds: Readonly<Record<TargetKind, string>> = { Deployment: 'deploy', StatefulSet: 'sts', DaemonSet: 'ds', ReplicaSet: 'rs', Pod: 'pod', Job: 'job', Service: 'svc' };

function word(long: string, { resource }: TargetName): string {
  return resource === undefined ? long : `${long}.${parseResource(resource).group}`;
}

/** As it may be typed again: `deploy/api`, `rollout.argoproj.io/api`. */
export function targetWords(target: TargetName): string {
  const { kind, name, resource } = target;
  return `${word(resource === undefined ? shortKinds[kind as TargetKind] ?? kind : kind.toLowerCase(), target)}/${name}`;
}

/** The same with the kind in full: `deployment/api`. */
export function longTargetWords(target: TargetName): string {
  return `${word(target.kind.toLowerCase(), target)}/${target.name}`;
}
