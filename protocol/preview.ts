/**
 * Preview links: a URL on the gateway in the cluster that adds what a bridge's rule asks for, so that a browser sees the system
 * as the bridge's owner does. Part of a bridge's spec, so that a preview ends with its bridge. Objects hold digests only: who
 * reads them cannot use the link.
 */
import { createHash, scrypt } from 'node:crypto';
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
  /** SHA-256, hex, of the secret in the link. */
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

/** What is below it is the gateway's own, on every host. */
export const previewPath = '/.podbridge/preview/';
export const previewCookie = 'podbridge-preview';

export function digestOf(value: string): string {
  return createHash('sha256').update(value).digest('hex');
}

/**
 * What the cookie holds. Without a password it is the link's secret. With one neither the link alone nor the object is enough:
 * trying passwords needs the secret, of which the object has only the digest.
 */
export async function accessOf(secret: string, password: string | undefined): Promise<string> {
  if (password === undefined) return secret;
  const key = await promisify<string, string, number, Buffer>(scrypt)(password, `podbridge preview ${secret}`, 32);
  return key.toString('base64url');
}

/** How the gateway is reached from outside, as the ConfigMap of the installation says it. */
export const previewWays = ['link', 'node-port', 'load-balancer', 'ingress', 'gateway'] as const;
export type PreviewWay = (typeof previewWays)[number];
