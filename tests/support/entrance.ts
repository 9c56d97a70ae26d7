/**
 * What an Ingress controller or a Gateway does, as far as it matters to who is behind it: it reads the object, ends TLS, says `x-forwarded-proto: https`,
 * and sends what is for a host and a path to the Service and the port that the object names. Debian's HAProxy, in a pod.
 */
import { request, type RequestOptions } from 'node:https';
import { connect } from 'node:net';
import { resources, type KubeObject } from '../../cli/adapters/cluster/index.ts';
import { secret } from '../workloads/manifests.ts';
import type { Kube } from './kube.ts';
import { until, untilReady } from './wait.ts';

const acceptLimitMs = 30_000;

export interface IngressObject extends KubeObject {
  spec: { ingressClassName?: string; tls?: { hosts: string[] }[]; rules: { host: string; http: { paths: { path: string; backend: { service: { name: string; port: { name?: string; number?: number } } } }[] } }[] };
}

export interface HttpRouteObject extends KubeObject {
  spec: { parentRefs: { group: string; kind: string; name: string; namespace: string }[]; hostnames: string[]; rules: { matches: { path: { value: string } }[]; backendRefs: { name: string; port: number }[] }[] };
}

interface Way { host: string; path: string; namespace: string; service: string; port: number | string }

export function waysOf(object: IngressObject | HttpRouteObject): Way[] {
  const { namespace = '' } = object.metadata;
  if (object.kind === 'Ingress') {
    return (object as IngressObject).spec.rules.flatMap(({ host, http }) => http.paths.map(({ path, backend: { service: { name, port } } }) => ({ host, path, namespace, service: name, port: port.name ?? port.number! })));
  }
  const { hostnames, rules } = (object as HttpRouteObject).spec;
  return rules.flatMap(({ matches, backendRefs: [backend] }) => matches.flatMap(({ path: { value } }) => hostnames.map((host) => ({ host, path: value, namespace, service: backend!.name, port: backend!.port }))));
}

export interface Answer { status: number; headers: Record<string, string | string[] | undefined>; body: string }

export interface Entrance {
  /** Where it listens with TLS: a node's address and a port. */
  host: string;
  port: number;
  /** As a browser would: the host is that of the URL, the connection goes to the entrance. */
  ask(url: string, headers?: Record<string, string>, options?: RequestOptions): Promise<Answer>;
}

const name = 'entrance';

interface ServiceObject extends KubeObject { spec: { clusterIP: string; ports: { name?: string; port: number; nodePort?: number }[] } }

/** One at a time in a namespace. @param image with HAProxy in it. @param certificate PEM, for all hosts */
function accepts(host: string, port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(undefined));
  });
}

export async function openEntrance(kube: Kube, { namespace, image, ways, certificate, key }: { namespace: string; image: string; ways: Way[]; certificate: string; key: string }): Promise<Entrance> {
  const service = async (at: string, called: string): Promise<ServiceObject> => kube.get<ServiceObject>(resources.Service, called, at);
  const backends = await Promise.all(ways.map(async ({ namespace: at, service: called, port }, index) => {
    const { spec } = await service(at, called);
    const found = spec.ports.find((each) => each.name === port || each.port === port);
    if (found === undefined) throw new Error(`Service ${called} has no port ${port}`);
    return `backend b${index}\n  server s ${spec.clusterIP}:${found.port}`;
  }));
  const config = [
    'defaults', '  mode http', '  timeout connect 5s', '  timeout client 1h', '  timeout server 1h', '  timeout tunnel 1h', '  option forwardfor',
    'frontend tls', '  bind :8443 ssl crt /entrance/tls.pem alpn h2,http/1.1', '  http-request set-header x-forwarded-proto https',
    ...ways.flatMap(({ host, path }, index) => [`  acl host${index} req.hdr(host),field(1,:),lower -m str ${host}`, `  acl path${index} path_beg ${path}`, `  use_backend b${index} if host${index} path${index}`]),
    '  default_backend none', 'backend none', '  http-request return status 404', ...backends, '',
  ].join('\n');
  await kube.delete(resources.Pod, name, { namespace });
  await kube.until(resources.Pod, name, (pod) => pod === undefined, { namespace, timeoutMs: 60_000 });
  const objects = [
    secret(name, namespace, { 'tls.pem': `${certificate}${key}`, 'haproxy.cfg': config }),
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { type: 'NodePort', selector: { app: name }, ports: [{ name: 'tls', port: 443, targetPort: 8443, protocol: 'TCP' }] } },
    {
      apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 0, automountServiceAccountToken: false,
        containers: [{
          name, image, imagePullPolicy: 'Never', command: ['haproxy', '-db', '-f', '/entrance/haproxy.cfg'], volumeMounts: [{ name: 'files', mountPath: '/entrance' }],
          readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
        }],
        volumes: [{ name: 'files', secret: { secretName: name } }],
      },
    },
  ];
  for (const object of objects) await kube.apply(object as never, { fieldManager: 'podbridge-test' });
  await untilReady(kube, [{ type: resources.Pod, name, namespace }]);
  const [{ spec }, { items: nodes }] = await Promise.all([service(namespace, name), kube.list<KubeObject & { status: { addresses: { type: string; address: string }[] } }>(resources.Node)]);
  const [host, port] = [nodes[0]!.status.addresses.find(({ type }) => type === 'InternalIP')!.address, spec.ports[0]!.nodePort!];
  // A ready pod is known to the node's rules a moment later.
  await until('the entrance takes connections', () => accepts(host, port), acceptLimitMs);
  return {
    host, port,
    ask: (url, headers = {}, options = {}) => new Promise((resolve, reject) => {
      const { hostname, pathname, search } = new URL(url);
      const outgoing = request({ host, port, servername: hostname, ca: certificate, path: `${pathname}${search}`, headers: { host: hostname, ...headers }, agent: false, ...options }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }));
      });
      outgoing.on('error', reject);
      outgoing.end();
    }),
  };
}
