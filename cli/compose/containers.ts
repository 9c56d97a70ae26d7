/** Containers of a Compose project, found by the labels that Compose gives them. */
import { labels } from '../../protocol/names.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';

const projectLabel = 'com.docker.compose.project';
const serviceLabel = 'com.docker.compose.service';
const oneOffLabel = 'com.docker.compose.oneoff';

export function projectOf(container: Pick<ContainerSummary, 'labels'>): string | undefined {
  return container.labels[projectLabel];
}

export function serviceOf(container: Pick<ContainerSummary, 'labels'>): string {
  return container.labels[serviceLabel] ?? '';
}

/** Those that are joined to the cluster, stopped ones too. */
export function joinedContainers(docker: Docker, project: string): Promise<ContainerSummary[]> {
  return docker.containers.list({ [projectLabel]: project, [labels.role]: 'app', [labels.link]: '' });
}

/** All of `up`, stopped ones too; not those of `docker compose run`. */
export async function projectContainers(docker: Docker, project: string): Promise<ContainerSummary[]> {
  return (await docker.containers.list({ [projectLabel]: project })).filter(({ labels: own }) => own[oneOffLabel] !== 'True');
}

/** What of the project stands, in words. */
export async function remainsOf(docker: Docker, project: string): Promise<string[]> {
  const [containers, networks] = await Promise.all([projectContainers(docker, project), docker.networks.list({ [projectLabel]: project })]);
  return [...containers.map((container) => `service ${serviceOf(container)}`), ...networks.map(({ name }) => `network ${name}`)];
}

/** What bridges of a service are called, without the user's name: `shop-api`. */
export function baseName(project: string, service: string): string {
  return `${project}-${service}`.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
}
