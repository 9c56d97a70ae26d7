/** What checks stand on, each asked for once and shared. */
import { systemNamespace } from '../../protocol/names.ts';
import type { Bridge, Client } from '../../protocol/objects.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { findLinkName } from '../link/connect-link.ts';
import { openControl, type Control } from '../link/control-client.ts';
import { cargoName } from '../link/link-name.ts';
import { StatusCollector } from '../status/collector.ts';
import type { DoctorContext } from './check.ts';

export interface DoctorParts {
  host: Host;
  connectDocker: () => Promise<Docker>;
  connectCluster: () => Promise<Cluster>;
  /** `-n`. */
  namespace?: string;
}

/** Asked at the first use; the answer, or the failure, is remembered. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    if (answer === undefined) {
      answer = ask();
      answer.catch(() => undefined);
    }
    return answer;
  };
}

async function noneWhen<T>(question: Promise<T>, codes: string[], none: T): Promise<T> {
  try {
    return await question;
  } catch (error) {
    if (isBridgeError(error) && codes.includes(error.facts.code)) return none;
    throw error;
  }
}

export function doctorContext({ host, connectDocker, connectCluster, namespace }: DoctorParts): DoctorContext & { close(): void } {
  const docker = once(connectDocker);
  const cluster = once(connectCluster);
  const link = once(async () => findLinkName(await docker(), await cluster()));
  let opened: Control | undefined;
  const control = once(async () => {
    const found = await (await docker()).containers.find(cargoName((await link()).name));
    if (found?.running !== true) return undefined;
    opened = await openControl(await docker(), found.id);
    return opened;
  });
  const status = once(async () => {
    const [ready, connected, { name, owner }] = await Promise.all([docker(), cluster(), link()]);
    const collector = new StatusCollector({ docker: ready, cluster: connected, link: name, owner, allNamespaces: false, now: () => host.now(), ...(namespace === undefined ? {} : { namespace }) });
    try {
      return await collector.sample();
    } finally {
      collector.close();
    }
  });
  return {
    host, docker, cluster, link, control, status,
    namespace: async () => namespace ?? (await cluster()).context.namespace,
    client: once(async () => noneWhen((await cluster()).find<Client>(resources.Client, (await link()).name, systemNamespace), ['cluster-forbidden', 'cluster-kind-missing'], undefined)),
    bridges: once(async () => {
      const connected = await cluster();
      const namespaces = [...new Set((await status()).bridges.map((bridge) => bridge.namespace))];
      const lists = await Promise.all(namespaces.map((each) => connected.list<Bridge>(resources.Bridge, { namespace: each })));
      const { name } = await link();
      return lists.flatMap(({ items }) => items).filter(({ spec }) => spec.client === name);
    }),
    close() {
      opened?.close();
      cluster().then((connected) => connected.close(), () => undefined);
    },
  };
}
