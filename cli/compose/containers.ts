/** Containers of a Compose project, found by the labels that Compose gives them. */
import { labels } from '../../protocol/names.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';

const projectLabel = 'com.docker.compose.project';
const serviceLabel = 'com.docker.compose.service';

export function serviceOf(container: ContainerSummary): string {
  return container.labels[serviceLabel] ?? '';
}

/** Those that are joined to the cluster, stopped ones too. */
export function joinedContainers(docker: Docker, project: string): Promise<ContainerSummary[]> {
  return docker.containers.list({ [projectLabel]: project, [labels.role]: 'app', [labels.link]: '' });
}

/** What bridges of a service are called, without the user's name: `shop-api`. */
export function baseName(project: string, service: string): string {
  return `${project}-${service}`.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
}
