/**
 * An entrance to the cluster as companies have one: Traefik, which serves Ingresses of its class and a Gateway, ends TLS with a certificate of
 * its own, and listens on a port of the nodes. What it may do is what its documentation says.
 */
import { readFile } from 'node:fs/promises';
import { request, type RequestOptions } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { resources, type KubeObject, type ResourceType } from '../../cli/adapters/cluster/index.ts';
import { loadImages } from '../cluster/index.ts';
import { moduleFolder } from '../cluster/go-build.ts';
import { ensureTraefikImage, traefikModule } from '../cluster/traefik-image.ts';
import { restricted, secret } from '../workloads/manifests.ts';
import type { TestCluster } from './test-cluster.ts';
import { until, untilReady } from './wait.ts';

export interface Answer { status: number; headers: Record<string, string | string[] | undefined>; body: string }

export interface Entrance {
  /** Where it listens with TLS: a node's address, which the status of what it serves has too, and a port. */
  host: string;
  port: number;
  /** Makes its IngressClass and its Gateway known; the Gateway takes routes of all namespaces, for hosts of the domain. */
  announce(): Promise<void>;
  /** As a browser would: the host is that of the URL, the connection goes to the entrance. */
  ask(url: string, headers?: Record<string, string>, options?: RequestOptions): Promise<Answer>;
  /** What is not in its namespace, and goes with that. */
  remove(): Promise<void>;
}

export interface EntranceOptions {
  /** A namespace that is there, with nothing of this name in it. */
  namespace: string;
  /** Of the IngressClass, the GatewayClass, the Gateway and all else. */
  name: string;
  /** `example.com`. */
  domain: string;
  /** PEM, for all hosts. */
  certificate: string;
  key: string;
}

const gatewayApi = 'gateway.networking.k8s.io/v1';
const types: Record<'GatewayClass' | 'Gateway', ResourceType> = {
  GatewayClass: { apiVersion: gatewayApi, kind: 'GatewayClass', plural: 'gatewayclasses', namespaced: false },
  Gateway: { apiVersion: gatewayApi, kind: 'Gateway', plural: 'gateways', namespaced: true },
};
const rbac = 'rbac.authorization.k8s.io/v1';
const ports = { tls: 8443, ping: 8080 };
const acceptLimitMs = 30_000;
const apply = { fieldManager: 'podbridge-test' };

interface Rule { apiGroups: string[]; resources: string[]; verbs: string[] }

/** The rules of its documentation, less those for custom resources that it is not given here. */
async function documentedRules(): Promise<Rule[]> {
  const folder = join(await moduleFolder(traefikModule), 'docs', 'content', 'reference', 'dynamic-configuration');
  const texts = await Promise.all(['kubernetes-crd-rbac.yml', 'kubernetes-gateway-rbac.yml'].map((file) => readFile(join(folder, file), 'utf8')));
  const objects = texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as KubeObject & { rules?: Rule[] }));
  return objects.flatMap(({ rules = [] }) => rules).filter(({ apiGroups }) => !apiGroups.includes('traefik.io'));
}

interface ServiceObject extends KubeObject { spec: { ports: { nodePort?: number }[] } }
interface NodeObject extends KubeObject { status: { addresses: { type: string; address: string }[] } }

function accepts(host: string, port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(undefined));
  });
}

/** The cluster has the Gateway API. */
export async function openEntrance({ cluster, kube }: TestCluster, { namespace, name, domain, certificate, key }: EntranceOptions): Promise<Entrance> {
  const image = await ensureTraefikImage();
  await loadImages(cluster, [image]);
  const { items: nodes } = await kube.list<NodeObject>(resources.Node);
  const host = nodes[0]!.status.addresses.find(({ type }) => type === 'InternalIP')!.address;
  const labels = { app: name };
  const options = [
    `--entrypoints.tls.address=:${ports.tls}`, '--entrypoints.tls.http.tls=true', '--providers.file.filename=/entrance/certificate.yaml',
    '--providers.kubernetesingress=true', `--providers.kubernetesingress.ingressclass=${name}`, `--providers.kubernetesingress.ingressendpoint.ip=${host}`,
    '--providers.kubernetesgateway=true', `--providers.kubernetesgateway.statusaddress.ip=${host}`,
    `--entrypoints.traefik.address=:${ports.ping}`, '--ping=true', '--global.checknewversion=false', '--global.sendanonymoususage=false',
  ];
  const objects = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    { apiVersion: rbac, kind: 'ClusterRole', metadata: { name }, rules: await documentedRules() },
    { apiVersion: rbac, kind: 'ClusterRoleBinding', metadata: { name }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }, subjects: [{ kind: 'ServiceAccount', name, namespace }] },
    { ...secret(name, namespace, { 'tls.crt': certificate, 'tls.key': key, 'certificate.yaml': 'tls: { stores: { default: { defaultCertificate: { certFile: /entrance/tls.crt, keyFile: /entrance/tls.key } } } }\n' }), type: 'kubernetes.io/tls' },
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { type: 'NodePort', selector: labels, ports: [{ name: 'tls', port: 443, targetPort: ports.tls, protocol: 'TCP' }] } },
    {
      apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels },
      spec: {
        terminationGracePeriodSeconds: 0, serviceAccountName: name, ...restricted.pod,
        containers: [{
          name: 'traefik', image, imagePullPolicy: 'Never', args: options, ...restricted.container, volumeMounts: [{ name: 'files', mountPath: '/entrance', readOnly: true }],
          readinessProbe: { httpGet: { path: '/ping', port: ports.ping }, periodSeconds: 1 },
        }],
        volumes: [{ name: 'files', secret: { secretName: name } }],
      },
    },
  ];
  for (const object of objects) await kube.apply(object, apply);
  await untilReady(kube, [{ type: resources.Pod, name, namespace }]);
  const port = (await kube.get<ServiceObject>(resources.Service, name, namespace)).spec.ports[0]!.nodePort!;
  // A ready pod is known to the node's rules a moment later.
  await until('the entrance takes connections', () => accepts(host, port), acceptLimitMs);
  return {
    host, port,
    async announce() {
      await kube.apply({ apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name }, spec: { controller: 'traefik.io/ingress-controller' } } as KubeObject, apply);
      await kube.apply({ apiVersion: gatewayApi, kind: 'GatewayClass', metadata: { name }, spec: { controllerName: 'traefik.io/gateway-controller' } } as KubeObject, apply, types.GatewayClass);
      await kube.apply({
        apiVersion: gatewayApi, kind: 'Gateway', metadata: { name, namespace },
        spec: { gatewayClassName: name, listeners: [{ name: 'tls', protocol: 'HTTPS', port: ports.tls, hostname: `*.${domain}`, tls: { mode: 'Terminate', certificateRefs: [{ group: '', kind: 'Secret', name }] }, allowedRoutes: { namespaces: { from: 'All' } } }] },
      } as KubeObject, apply, types.Gateway);
    },
    ask: (url, headers = {}, more = {}) => new Promise((resolve, reject) => {
      const { hostname, pathname, search } = new URL(url);
      const outgoing = request({ host, port, servername: hostname, ca: certificate, path: `${pathname}${search}`, headers: { host: hostname, ...headers }, agent: false, ...more }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }));
      });
      outgoing.on('error', reject);
      outgoing.end();
    }),
    async remove() {
      for (const type of [types.GatewayClass, resources.IngressClass, resources.ClusterRoleBinding, resources.ClusterRole]) await kube.delete(type, name);
    },
  };
}
