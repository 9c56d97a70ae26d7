/** The cluster's side of the measurements: a pod that generates load, and targets on another node than it where there are two. */
import { resources } from '../../../cli/adapters/cluster/index.ts';
import { loadImages, type Cluster, type Progress } from '../../cluster/index.ts';
import { openKube, type Kube } from '../../support/kube.ts';
import { applyAll, cleanNamespace, makeNamespace } from '../../support/namespace.ts';
import { ensureProber, type Prober } from '../../support/prober.ts';
import { deployment, echoPorts, service, type Manifest } from '../../workloads/manifests.ts';
import { inPod, type Exec } from './exec.ts';

const namespace = 'podbridge-bench';
export const iperfPort = 5201;

export interface Workloads {
  cluster: Cluster;
  kube: Kube;
  namespace: string;
  echoImage: string;
  loadImage: string;
  /** In the pod that generates load. */
  loader: Exec;
  prober: Prober;
  /** Service addresses of the Deployments: `one` and `three` are echo with so many replicas, `stream` is an iperf3 server. */
  address: { one: string; three: string; stream: string };
  remove: () => Promise<void>;
}

export interface WorkloadOptions {
  cluster: Cluster;
  loadImage: string;
  echoImage: string;
  progress: Progress;
}

export async function setUpWorkloads({ cluster, loadImage, echoImage, progress }: WorkloadOptions): Promise<Workloads> {
  await loadImages(cluster, [loadImage, echoImage], progress);
  const kube = await openKube(cluster);
  await progress.step('deploying what is measured', async () => {
    await makeNamespace(kube, namespace);
    await applyAll(kube, manifests(cluster.nodes, loadImage, echoImage));
  });
  const prober = await ensureProber(kube, namespace, echoImage);
  const clusterAddress = async (name: string): Promise<string> => (await kube.get<ServiceObject>(resources.Service, name, namespace)).spec.clusterIP;
  return {
    cluster, kube, namespace, echoImage, loadImage, prober, loader: inPod(kube, namespace, 'loader', 'load'),
    address: { one: await clusterAddress('one'), three: await clusterAddress('three'), stream: await clusterAddress('stream') },
    async remove() {
      await progress.step('removing what was measured', () => cleanNamespace(kube, namespace));
      kube.close();
    },
  };
}

interface ServiceObject extends Manifest { spec: { clusterIP: string } }

function manifests(nodes: string[], loadImage: string, echoImage: string): Manifest[] {
  const near = { 'kubernetes.io/hostname': nodes[0]! };
  const far = { 'kubernetes.io/hostname': nodes.at(-1)! };
  // One HTTP port each, as most services have.
  const web = { namespace, image: echoImage, env: [], container: { ports: [{ name: 'http', containerPort: echoPorts.http }] } };
  const one = { ...web, name: 'one', pod: { nodeSelector: far } };
  const three = { ...web, name: 'three', replicas: 3 };
  const load = { name: 'load', image: loadImage, imagePullPolicy: 'IfNotPresent' };
  const quick = { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false };
  return [
    deployment(one), service(one), deployment(three), service(three),
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'loader', namespace }, spec: { ...quick, nodeSelector: near, containers: [load] } },
    {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'stream', namespace },
      spec: {
        selector: { matchLabels: { app: 'stream' } },
        template: {
          metadata: { labels: { app: 'stream' } },
          spec: {
            ...quick, nodeSelector: far,
            containers: [{
              ...load, command: ['iperf3', '--server', '--port', String(iperfPort)],
              ports: [{ name: 'tcp', containerPort: iperfPort }, { name: 'udp', containerPort: iperfPort, protocol: 'UDP' }],
              readinessProbe: { tcpSocket: { port: 'tcp' }, periodSeconds: 1 },
            }],
          },
        },
      },
    },
    {
      apiVersion: 'v1', kind: 'Service', metadata: { name: 'stream', namespace },
      spec: { selector: { app: 'stream' }, ports: [{ name: 'tcp', port: iperfPort }, { name: 'udp', port: iperfPort, protocol: 'UDP' }] },
    },
  ];
}
