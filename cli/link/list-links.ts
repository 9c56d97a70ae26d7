/** The links of this Docker, by their labels. */
import { labels } from '../../protocol/names.ts';
import type { ContainerState, Docker } from '../adapters/docker/index.ts';

export interface KnownLink {
  link: string;
  /** kubeconfig context that it was made for. */
  context: string;
  server: string;
  owner: string;
  cargo: string;
  state: ContainerState;
  version: string;
  /** App containers that use it. */
  containers: number;
}

export async function listLinks(docker: Docker): Promise<KnownLink[]> {
  const [cargos, apps] = await Promise.all([docker.containers.list({ [labels.role]: 'cargo', [labels.link]: '' }), docker.containers.list({ [labels.role]: 'app', [labels.link]: '' })]);
  return cargos.map((cargo) => {
    const link = cargo.labels[labels.link] ?? '';
    return {
      link, context: cargo.labels[labels.context] ?? '', server: cargo.labels[labels.server] ?? '', owner: cargo.labels[labels.owner] ?? '', cargo: cargo.name, state: cargo.state, version: cargo.labels[labels.version] ?? '',
      containers: apps.filter((app) => app.labels[labels.link] === link).length,
    };
  });
}
