/** `bridge open` and `bridge curl`: the system with one's own bridge, from a container of the link's network that lives as long as the command. */
import { randomBytes } from 'node:crypto';
import type { Bridge } from '../../protocol/objects.ts';
import { markBaggageKey } from '../../protocol/rule.ts';
import type { PortPublish } from '../adapters/docker/index.ts';
import type { RunRequest } from '../bridge/run-request.ts';
import { addedHeaders } from './previews.ts';
import type { Entry } from './entry.ts';

export interface OwnContainer {
  /** Of cargo: it has the programs. */
  image: string;
  namespace: string;
  /** What its name begins with. */
  base: string;
  command: string[];
  entrypoint?: string;
  env?: [name: string, value: string][];
  publish?: PortPublish[];
  interactive: boolean;
}

/** A run without a target. */
export function ownContainer({ image, namespace, base, command, entrypoint, env = [], publish = [], interactive }: OwnContainer): RunRequest {
  return {
    flags: { image, env, binds: [], publish, interactive, tty: false, remove: true, detach: false, asPod: false, limits: false, retain: false, command, ...(entrypoint === undefined ? {} : { entrypoint }) },
    base: `${base}-${randomBytes(2).toString('hex')}`, namespace, pull: 'never', ports: [], rules: [], hideServedBy: false, volumes: { none: true, modes: new Map() },
  };
}

/** @param port of the loopback, where the browser asks. As cargo's program `open` takes them: cargo-image/src/open/open.ts. */
export function openSettings(bridge: Bridge, entry: Entry, host: string | undefined, domain: string, port: number): string {
  const namespace = bridge.metadata.namespace ?? '';
  const full = (service: string): string => `${service}.${namespace}.svc.${domain}`;
  const own = host ?? entry.host;
  return JSON.stringify({
    port, ...addedHeaders(bridge), ...(own === undefined ? {} : { host: own }),
    routes: entry.routes.map(({ path, match, service, port, tls }) => ({ path, match, host: full(service), port, tls: tls === true })),
    names: [...new Set([...(own === undefined ? [] : [own.split(':')[0]!]), ...entry.routes.flatMap(({ service }) => [service, `${service}.${namespace}`, `${service}.${namespace}.svc`, full(service)])])],
  });
}

/** Options of curl that make a request the bridge's. */
export function curlHeaders(bridge: Bridge): string[] {
  const { mark, headers } = addedHeaders(bridge);
  return [...(mark === undefined ? [] : [`baggage: ${markBaggageKey}=${mark}`]), ...headers.map(([name, value]) => `${name}: ${value}`)].flatMap((header) => ['-H', header]);
}
