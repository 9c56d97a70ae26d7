/** `bridge compose config`: the model as far as it can be told without the pods. Nothing is made for it. */
import type { ImageInfo } from '../adapters/docker/index.ts';
import { appContainer } from '../bridge/app-container.ts';
import { defaultBridgeName } from '../bridge/owner-slug.ts';
import type { RunRequest } from '../bridge/run-request.ts';
import { joinModel, type JoinedService } from './addition.ts';
import { baseName } from './containers.ts';
import type { ComposeModel } from './model.ts';

const noImage: ImageInfo = { id: '', tags: [], labels: {}, env: [], user: '', workingDir: '', entrypoint: [], command: [], exposedPorts: [], architecture: '', size: 0 };

export interface PreviewQuestion {
  model: ComposeModel;
  joined: ReadonlyMap<string, RunRequest>;
  link: string;
  owner: string;
  network: string;
  /** Where a service is whose request names none. */
  namespace: string;
  /** Cargo's address, when the link is up. */
  dns: string | undefined;
}

export function previewModel({ model, joined, link, owner, network, namespace, dns }: PreviewQuestion): ComposeModel {
  return joinModel(model, new Map([...joined].map(([name, request]): [string, JoinedService] => {
    const { labels, networks } = appContainer({ ...request.flags, name, env: [], detach: true, retain: true, command: [] }, noImage, {
      network, dns: dns ?? '', domain: '', client: link, namespace: request.namespace ?? namespace, owner, session: '',
    }, undefined);
    return [name, { gatewayPriority: false, spec: { name: defaultBridgeName(baseName(model.name, name), owner), image: '', labels, networks: networks ?? [], ...(dns === undefined ? {} : { dns: { servers: [dns] } }) } }];
  })));
}
