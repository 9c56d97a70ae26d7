/** Guests: people without credentials of the cluster, who have a ServiceAccount in bridge-system and a token that ends (`bridge clients invite`). */
import { guestLabel, systemNamespace } from './names.ts';

/** So that no guest has the name of an account of ours. */
const accountPrefix = 'guest-';
const userPrefix = `system:serviceaccount:${systemNamespace}:${accountPrefix}`;

/** On the account: when the invitation ends, RFC 3339. */
export const guestExpiresAnnotation = `${guestLabel}-expires`;

export const guestAccount = (name: string): string => `${accountPrefix}${name}`;
export const guestUser = (name: string): string => `${userPrefix}${name}`;

/** The account of a guest, by the name that the API server has for its user; undefined: somebody else. */
export function guestAccountOf(user: string): string | undefined {
  return user.startsWith(userPrefix) ? guestAccount(user.slice(userPrefix.length)) : undefined;
}
