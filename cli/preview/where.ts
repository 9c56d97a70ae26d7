/** Where browsers find the preview gateway. */
import { names, systemNamespace } from '../../protocol/names.ts';
import type { Client } from '../../protocol/objects.ts';
import type { PreviewExposure } from '../install/manifests/preview.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';

interface ServiceObject extends KubeObject {
  spec: { ports?: { nodePort?: number }[] };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
}

/** @param client of the bridge: its status knows the nodes. @returns without a slash at the end */
export async function gatewayUrl(cluster: Cluster, { way, url }: PreviewExposure, client: Client | undefined): Promise<string> {
  if (url !== undefined) return url;
  const domain = client?.status?.cluster?.dns.domain ?? 'cluster.local';
  if (way === 'link') return `http://${names.preview}.${systemNamespace}.svc.${domain}`;
  const service = await cluster.get<ServiceObject>(resources.Service, names.preview, systemNamespace);
  if (way === 'load-balancer') {
    const { ip, hostname } = service.status?.loadBalancer?.ingress?.[0] ?? {};
    if (ip === undefined && hostname === undefined) throw unreachable('the load balancer of the preview gateway has no address yet', 'the cluster gives none, or is still at it');
    return `http://${ip ?? hostname}`;
  }
  const port = service.spec.ports?.[0]?.nodePort;
  const node = client?.status?.cluster?.endpoints.find(({ kind }) => kind === 'node');
  if (port === undefined || node === undefined) throw unreachable('nobody can tell where browsers find previews', port === undefined ? 'the Service of the gateway has no port on the nodes' : 'the link of the bridge knows no node');
  return `http://${node.host.includes(':') ? `[${node.host}]` : node.host}:${port}`;
}

function unreachable(what: string, why: string): BridgeError {
  return new BridgeError({ kind: 'environment', code: 'preview-unreachable', what, why, next: 'bridge install --preview HOW --preview-url URL' });
}
