/** What an administrator types so that somebody may use podbridge. */
import { names, systemNamespace } from '../protocol/names.ts';
import { userRole, type PolicyRule } from './install/manifests/roles.ts';
import { shellWord } from './shell-words.ts';

/** How to let someone use podbridge: in bridge-system (links), and in each namespace whose workloads he may bridge. */
export function grantLines(user: string, namespace?: string): string[] {
  const binding = user.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  const account = /^system:serviceaccount:([^:]+:[^:]+)$/.exec(user)?.[1];
  const subject = account === undefined ? `--user=${shellWord(user)}` : `--serviceaccount=${account}`;
  return [systemNamespace, ...(namespace === undefined ? [] : [namespace])].map((each) =>
    `kubectl create rolebinding ${names.userRole}-${binding} --clusterrole=${names.userRole} ${subject} --namespace=${each}`);
}

export interface Right {
  verb: string;
  /** '' for the core. */
  group: string;
  /** With its subresource: `pods/log`. */
  resource: string;
  name?: string;
}

/** The shipped role includes it, so that binding the role is what is missing. */
export function inUserRole({ verb, group, resource, name }: Right): boolean {
  const covers = ({ apiGroups, resources, resourceNames, verbs }: PolicyRule): boolean =>
    (apiGroups.includes('*') || apiGroups.includes(group)) && resources.some((each) => each === resource || (each.startsWith('*/') && resource.endsWith(each.slice(1)))) &&
    verbs.includes(verb) && (resourceNames === undefined || (name !== undefined && resourceNames.includes(name)));
  return (userRole().rules as PolicyRule[]).some(covers);
}
