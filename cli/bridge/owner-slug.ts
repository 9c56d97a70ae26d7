import { randomBytes } from 'node:crypto';
import { BridgeError } from '../errors.ts';

/** A user name as part of an object's name: `ann@example.com` -> `ann`, `system:serviceaccount:ci:runner` -> `runner`. */

/** The policy of Clients (install/manifests/policies.ts) makes the same of a user name. */
export const slugMaxLength = 20;

export function ownerSlug(owner: string): string {
  const last = owner.split(':').at(-1) ?? '';
  const local = last.split('@')[0] ?? '';
  const slug = local.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, slugMaxLength).replace(/-+$/, '');
  return slug === '' ? 'user' : slug;
}

/** Names of bridges, and of their containers, must fit a label (63 characters). */
const nameMaxLength = 63;

export function defaultBridgeName(target: string, owner: string): string {
  const slug = ownerSlug(owner);
  const room = nameMaxLength - slug.length - 1;
  return `${target.replace(/\./g, '-').slice(0, room).replace(/-+$/, '')}-${slug}`;
}

/** For containers without a target: there may be many of one image. */
export function defaultContainerName(image: string, owner: string): string {
  const base = image.split('/').at(-1)!.split(/[:@]/)[0]!.toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+|-+$/g, '');
  return defaultBridgeName(`${base === '' ? 'app' : base}-${randomBytes(2).toString('hex')}`, owner);
}

/** `--name`: it names an object and a container, and is a label's value. */
export function checkName(name: string): void {
  if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name) && name.length >= 2 && name.length <= nameMaxLength) return;
  throw new BridgeError({ kind: 'usage', code: 'name-malformed', what: `'${name}' cannot be a name`, why: `a name is 2 to ${nameMaxLength} lower-case letters, digits and dashes, a dash neither first nor last`, next: '--name my-bridge' });
}
