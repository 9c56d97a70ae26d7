/** Removes a link from Docker and, when a cluster is given, its Client. Nothing of it being there is fine. */
import { labels, systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import { isBridgeError } from '../errors.ts';
import { removeFilesVolume, removeMounter } from '../volumes/remove-files.ts';

export interface TakeDownRequest {
  docker: Docker;
  cluster?: Cluster;
  link: string;
}

export interface TakenDown {
  containers: string[];
  networks: string[];
  volumes: string[];
  /** Was there a Client object. */
  client: boolean;
}

async function removeContainers(docker: Docker, link: string, cargoToo: boolean): Promise<string[]> {
  const containers = (await docker.containers.list({ [labels.link]: link })).filter((container) => (container.labels[labels.role] === 'cargo') === cargoToo);
  // Containers that bring files go after those that have them mounted.
  const isMounter = (container: ContainerSummary): boolean => container.labels[labels.role] === 'mounter';
  await Promise.all(containers.filter((container) => !isMounter(container)).map(({ id }) => docker.containers.remove(id, { force: true, volumes: true })));
  await Promise.all(containers.filter(isMounter).map((container) => removeMounter(docker, container)));
  return containers.map(({ name }) => name);
}

async function removeNetwork(docker: Docker, id: string): Promise<void> {
  // Containers that others have put into it keep it from going; they lose this network and nothing else.
  const network = await docker.networks.find(id);
  await Promise.all((network?.containers ?? []).map((container) => docker.networks.disconnect(id, container.id)));
  await docker.networks.remove(id);
}

export async function takeDownLink({ docker, cluster, link }: TakeDownRequest): Promise<TakenDown> {
  const client = cluster === undefined ? false : await cluster.delete(resources.Client, link, { namespace: systemNamespace }).catch((error: unknown) => {
    // Uninstalled meanwhile.
    if (isBridgeError(error) && ['cluster-kind-missing', 'cluster-not-found'].includes(error.facts.code)) return false;
    throw error;
  });
  const [cargo] = await docker.containers.list({ [labels.link]: link, [labels.role]: 'cargo' });
  const apps = await removeContainers(docker, link, false);
  const cargos = await removeContainers(docker, link, true);
  const networks = await docker.networks.list({ [labels.link]: link });
  await Promise.all(networks.map(({ id }) => removeNetwork(docker, id)));
  const volumes = await docker.volumes.list({ [labels.link]: link });
  await Promise.all(volumes.map(({ name }) => removeFilesVolume(docker, name, cargo?.imageId)));
  return { containers: [...apps, ...cargos], networks: networks.map(({ name }) => name), volumes: volumes.map(({ name }) => name), client };
}
