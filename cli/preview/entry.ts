/** What a preview shows: a Service, or what stands behind an Ingress. */
import type { PreviewRoute } from '../../protocol/preview.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';

export interface Entry {
  /** `svc/web:80`, `ingress/shop`. */
  text: string;
  routes: PreviewRoute[];
  /** Host that it expects; absent: any. */
  host?: string;
}

interface ServicePort { name?: string; port: number; protocol?: string; appProtocol?: string }
interface ServiceObject extends KubeObject { spec: { type?: string; ports?: ServicePort[] } }
interface IngressPath { path?: string; pathType?: string; backend: { service?: { name: string; port: { name?: string; number?: number } } } }
interface IngressObject extends KubeObject { spec: { rules?: { host?: string; http?: { paths: IngressPath[] } }[]; defaultBackend?: IngressPath['backend'] } }

const next = 'name it as svc/NAME:PORT or ingress/NAME';

function refuse(what: string, why: string): BridgeError {
  return new BridgeError({ kind: 'usage', code: 'entry-malformed', what, why, next });
}

/** @throws BridgeError entry-malformed, entry-without-http, cluster-not-found */
export async function findEntry(cluster: Cluster, namespace: string, given: string): Promise<Entry> {
  const [, kind = '', name = '', port] = /^([a-z]+)\/([a-z0-9]([-a-z0-9.]*[a-z0-9])?)(?::([A-Za-z0-9-]+))?$/.exec(given)?.filter((_, index) => index !== 3) ?? [];
  if (['svc', 'service', 'services'].includes(kind)) {
    const found = await servicePort(cluster, namespace, name, port);
    return { text: `svc/${name}:${found.port}`, routes: [{ path: '/', match: 'prefix', service: name, ...found }] };
  }
  if (['ing', 'ingress', 'ingresses'].includes(kind) && port === undefined) return ingressEntry(cluster, namespace, name);
  throw refuse(`'${given}' is no entry`, 'an entry is a Service with its port, or an Ingress');
}

/** Where nothing is named and nothing is to choose. */
export async function onlyService(cluster: Cluster, namespace: string): Promise<string> {
  const { items } = await cluster.list<ServiceObject>(resources.Service, { namespace });
  const names = items.map(({ metadata }) => metadata.name);
  if (names.length === 1) return `svc/${names[0]!}`;
  throw refuse('no entry was named', names.length === 0 ? `namespace ${namespace} has no Services` : `there are several: ${names.map((name) => `svc/${name}`).join(', ')}`);
}

async function servicePort(cluster: Cluster, namespace: string, name: string, port: string | number | undefined): Promise<{ port: number; tls?: true }> {
  const { spec } = await cluster.get<ServiceObject>(resources.Service, name, namespace);
  const all = (spec.ports ?? []).filter(({ protocol }) => protocol !== 'UDP');
  const list = all.map((each) => (each.name === undefined ? String(each.port) : `${each.port} (${each.name})`)).join(', ');
  const chosen = port === undefined
    ? (all.length === 1 ? all[0] : all.find((each) => each.port === 80 || /^(http|web)$/.test(each.name ?? '')))
    : all.find((each) => each.name === port || each.port === Number(port));
  if (chosen === undefined) throw refuse(port === undefined ? `service ${name} has several ports` : `service ${name} has no port ${port}`, `its ports: ${list === '' ? 'none' : list}`);
  const tls = chosen.port === 443 || /^https/.test(chosen.name ?? '') || /^https/.test(chosen.appProtocol ?? '');
  return { port: chosen.port, ...(tls ? { tls } : {}) };
}

async function ingressEntry(cluster: Cluster, namespace: string, name: string): Promise<Entry> {
  const { spec } = await cluster.get<IngressObject>(resources.Ingress, name, namespace);
  const rule = spec.rules?.find(({ http }) => (http?.paths.length ?? 0) > 0);
  const paths: IngressPath[] = [...rule?.http?.paths ?? [], ...(spec.defaultBackend === undefined ? [] : [{ path: '/', pathType: 'Prefix', backend: spec.defaultBackend }])];
  const routes: PreviewRoute[] = [];
  for (const { path = '/', pathType, backend: { service } } of paths) {
    if (service === undefined || routes.some((route) => route.path === path)) continue;
    routes.push({ path, match: pathType === 'Exact' ? 'exact' : 'prefix', service: service.name, ...await servicePort(cluster, namespace, service.name, service.port.number ?? service.port.name) });
  }
  if (routes.length === 0) throw refuse(`ingress ${name} leads to no Service`, 'it has neither rules with a Service nor a default backend');
  // A wildcard is no host that anybody can be asked as.
  const host = rule?.host?.startsWith('*') === true ? undefined : rule?.host;
  return { text: `ingress/${name}`, routes, ...(host === undefined ? {} : { host }) };
}
