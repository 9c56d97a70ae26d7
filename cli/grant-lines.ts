/** What an administrator types so that somebody may use podbridge. */
import { names, systemNamespace } from '../protocol/names.ts';

/** How to let someone use podbridge: in bridge-system (links), and in each namespace whose workloads he may bridge. */
export function grantLines(user: string, namespace?: string): string[] {
  const binding = user.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  const account = /^system:serviceaccount:([^:]+:[^:]+)$/.exec(user)?.[1];
  const subject = account === undefined ? `--user=${shellWord(user)}` : `--serviceaccount=${account}`;
  return [systemNamespace, ...(namespace === undefined ? [] : [namespace])].map((each) =>
    `kubectl create rolebinding ${names.userRole}-${binding} --clusterrole=${names.userRole} ${subject} --namespace=${each}`);
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
