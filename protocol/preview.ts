/**
 * Preview links: a URL on the gateway in the cluster that adds what a bridge's rule asks for, so that a browser sees the system
 * as the bridge's owner does. Part of a bridge's spec, so that a preview ends with its bridge. Objects hold digests only: who
 * reads them cannot use the link. A secret names the one bridge that it is good for, so a digest that is copied into another bridge
 * stands for nothing there.
 */
import { createHash, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { list, mapList, object, oneLine, portNumber, text, time, flag, word, type Schema } from './schema.ts';

export interface Preview {
  /** Unique in its bridge. */
  name: string;
  /** As its maker named it, for people: `svc/web:80`, `ingress/shop`. */
  entry: string;
  /** The longest path that matches counts. */
  routes: PreviewRoute[];
  /** Host header of the requests; absent: as the browser asked. */
  host?: string;
  /** SHA-256, hex, of the secret in the link: {@link newSecret} of this bridge. */
  link: string;
  /** SHA-256, hex, of what {@link accessOf} makes of secret and password: equal to `link` where there is no password. */
  access: string;
  /** RFC 3339. */
  expiresAt: string;
}

/** A Service of the bridge's namespace. */
export interface PreviewRoute {
  path: string;
  /** prefix: whole segments, as Ingress has it. */
  match: 'prefix' | 'exact';
  service: string;
  port: number;
  /** The Service is spoken to by TLS; its certificate may be any. */
  tls?: boolean;
}

export const mostPreviews = 16;
const digest64: Schema = text(64, { pattern: '^[0-9a-f]{64}$' });
const serviceName: Schema = text(63, { pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' });

export const previewsSchema: Schema = mapList(object({
  name: text(63, { pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' }),
  entry: oneLine(320),
  routes: list(object({ path: text(512, { pattern: '^/[!-~]*$' }), match: word(['prefix', 'exact']), service: serviceName, port: portNumber, tls: flag() }, ['path', 'match', 'service', 'port']), 32, { minItems: 1 }),
  host: text(253, { pattern: '^[A-Za-z0-9.:-]+$' }),
  link: digest64, access: digest64, expiresAt: time,
}, ['name', 'entry', 'routes', 'link', 'access', 'expiresAt']), ['name'], mostPreviews);

/** Condition of a bridge, there while it is false: some of its previews the gateway does not show. */
export const previewsServed = 'PreviewsServed';

/** What is below it is the gateway's own, on every host. */
export const previewPath = '/.podbridge/preview/';
export const previewCookie = 'podbridge-preview';

export function digestOf(value: string): string {
  return createHash('sha256').update(value).digest('hex');
}

/** What secrets of a bridge begin with, before a dot: 128 bits of the SHA-256 of its uid, which nobody can choose and no other bridge ever has. */
export function bridgeTag(uid: string): string {
  return createHash('sha256').update(`podbridge preview of ${uid}`).digest('base64url').slice(0, 22);
}

/** For a link. @param uid of the bridge */
export function newSecret(uid: string): string {
  return `${bridgeTag(uid)}.${randomBytes(32).toString('base64url')}`;
}

/** What a preview with this digest is known by: equal to {@link keyOf} of a secret only when that is of its bridge, and has the digest. */
export function previewKey(tag: string, digest: string): string {
  return `${tag}:${digest}`;
}

/** @param secret of a link or a cookie, whatever somebody sent */
export function keyOf(secret: string): string {
  return previewKey(secret.split('.', 1)[0]!, digestOf(secret));
}

/**
 * What the cookie holds. Without a password it is the link's secret. With one neither the link alone nor the object is enough:
 * trying passwords needs the secret, of which the object has only the digest.
 */
export async function accessOf(secret: string, password: string | undefined): Promise<string> {
  if (password === undefined) return secret;
  const key = await promisify<string, string, number, Buffer>(scrypt)(password, `podbridge preview ${secret}`, 32);
  return `${secret.split('.', 1)[0]}.${key.toString('base64url')}`;
}

/** How the gateway is reached from outside, as the ConfigMap of the installation says it. */
export const previewWays = ['link', 'node-port', 'load-balancer', 'ingress', 'gateway'] as const;
export type PreviewWay = (typeof previewWays)[number];
