/** The ends of the link, for loads that use the tunnel with nothing of the product but the tunnel. */
import { resources, type KubeObject } from '../../../cli/adapters/cluster/index.ts';
import { names, systemNamespace } from '../../../protocol/names.ts';
import type { Bridge, Client } from '../../../protocol/objects.ts';
import { until } from '../../support/wait.ts';
import { inPod, type Exec } from './exec.ts';
import type { Workloads } from './workloads.ts';

const startLimitMs = 30_000;
const name = 'bench-load';

interface PodWithGuests extends KubeObject {
  spec: { ephemeralContainers?: { name: string }[] };
  status?: { ephemeralContainerStatuses?: { name: string; state?: { running?: unknown } }[] };
}

/** Commands inside the hub's pod, by an ephemeral container of the load image. It stays there, asleep, until the pod goes. */
export async function besideTheHub({ kube, loadImage }: Workloads): Promise<Exec> {
  const find = (): Promise<PodWithGuests> => kube.get<PodWithGuests>(resources.Pod, names.hubPod, systemNamespace);
  if (!(await find()).spec.ephemeralContainers?.some((guest) => guest.name === name)) {
    const guest = { name, image: loadImage, imagePullPolicy: 'IfNotPresent', command: ['sleep', 'infinity'] };
    // The adapter's patch knows `status` and `scale` only.
    const pod = await find();
    await kube.request('PUT', `/api/v1/namespaces/${systemNamespace}/pods/${names.hubPod}/ephemeralcontainers`, { ...pod, spec: { ...pod.spec, ephemeralContainers: [...pod.spec.ephemeralContainers ?? [], guest] } });
  }
  await until('load container beside the hub', async () => ((await find()).status?.ephemeralContainerStatuses?.some((guest) => guest.name === name && guest.state?.running !== undefined) ? true : undefined), startLimitMs);
  return inPod(kube, systemNamespace, names.hubPod, name);
}

/** Where the hub reaches a bridge's container: cargo's address in the tunnel and the hub port. */
export async function throughTheTunnel({ kube, namespace }: Workloads, bridgeName: string): Promise<{ host: string; port: number }> {
  const bridge = await kube.get<Bridge>(resources.Bridge, bridgeName, namespace);
  const client = await kube.get<Client>(resources.Client, bridge.spec.client, systemNamespace);
  const host = client.status?.address;
  const port = bridge.status?.ports?.find(({ protocol }) => protocol === 'TCP')?.hubPort;
  if (host === undefined || port === undefined) throw new Error(`bridge ${bridgeName} has no address or hub port`);
  return { host, port };
}
