/** How browsers reach the preview gateway: its Service, and what leads to that from outside. The gateway's pod is the controller's affair. */
import { labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import { ports } from '../../../protocol/ports.ts';
import { previewWays, type PreviewWay } from '../../../protocol/preview.ts';
import type { Manifest } from './manifest.ts';

export interface PreviewExposure {
  /** link: only from containers of links. */
  way: PreviewWay;
  /** ingress: its class (absent: the cluster's default); gateway: `NAMESPACE/NAME`. */
  name?: string;
  /** Where browsers find it, if the cluster cannot tell: `https://preview.example.com`. */
  url?: string;
}

export const defaultExposure: PreviewExposure = { way: 'node-port' };

const serviceType: Record<PreviewWay, string> = { link: 'ClusterIP', 'node-port': 'NodePort', 'load-balancer': 'LoadBalancer', ingress: 'ClusterIP', gateway: 'ClusterIP' };

export function previewEntrance({ way, name, url }: PreviewExposure = defaultExposure): Manifest[] {
  const metadata = { name: names.preview, namespace: systemNamespace };
  const service: Manifest = {
    apiVersion: 'v1', kind: 'Service', metadata,
    spec: {
      type: serviceType[way],
      selector: { [labels.managedBy]: managedBy, [labels.component]: 'preview' },
      ports: [{ name: 'http', port: 80, targetPort: ports.preview, protocol: 'TCP' }],
    },
  };
  const host = url === undefined ? undefined : new URL(url).hostname;
  if (way === 'ingress') {
    return [service, {
      apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata,
      spec: {
        ...(name === undefined ? {} : { ingressClassName: name }),
        ...(url?.startsWith('https:') === true ? { tls: [{ hosts: [host] }] } : {}),
        rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: names.preview, port: { name: 'http' } } } }] } }],
      },
    }];
  }
  if (way === 'gateway') {
    const [namespace = '', gateway = ''] = (name ?? '').split('/');
    return [service, {
      apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata,
      spec: { parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: gateway, namespace }], hostnames: [host], rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ group: '', kind: 'Service', name: names.preview, port: 80, weight: 1 }] }] },
    }];
  }
  return [service];
}

/** As it stands in the ConfigMap of the installation, for commands that print links. */
export function previewData({ way, name, url }: PreviewExposure = defaultExposure): Record<string, string> {
  return { preview: way, ...(name === undefined ? {} : { previewName: name }), ...(url === undefined ? {} : { previewUrl: url }) };
}

export function exposureFrom({ preview, previewName, previewUrl }: Partial<Record<string, string>>): PreviewExposure {
  const way = previewWays.find((each) => each === preview);
  return way === undefined ? defaultExposure : { way, ...(previewName === undefined ? {} : { name: previewName }), ...(previewUrl === undefined ? {} : { url: previewUrl }) };
}
