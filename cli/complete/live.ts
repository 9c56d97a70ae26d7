/** Contexts, namespaces, targets, containers, bridges, services: asked of kubeconfig, cluster, Docker and bridge.yaml, kept for a moment. Never fails: what cannot be known has no candidates. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Bridge } from '../../protocol/objects.ts';
import { labels } from '../../protocol/names.ts';
import type { Cluster, KubeObject } from '../adapters/cluster/index.ts';
import type { ContainerSummary, Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import { timing } from '../timing.ts';
import { cached, cacheFolder } from './cache.ts';
import type { Live, Question } from './question.ts';

type Given = Question['given'];

async function connected(host: Host, given: Given): Promise<Cluster> {
  const { connectCluster } = await import('../adapters/cluster/index.ts');
  const [context, kubeconfig] = [given.context ?? host.env.PODBRIDGE_CONTEXT, given.kubeconfig ?? host.env.PODBRIDGE_KUBECONFIG];
  return connectCluster(host, { ...(context === undefined || context === '' ? {} : { context }), ...(kubeconfig === undefined || kubeconfig === '' ? {} : { kubeconfig }) });
}

function named(items: readonly KubeObject[]): string[] {
  return items.map(({ metadata }) => metadata.name);
}

const shortKinds = [['deploy', 'Deployment'], ['sts', 'StatefulSet'], ['ds', 'DaemonSet'], ['svc', 'Service'], ['job', 'Job'], ['pod', 'Pod']] as const;

/** `rollout.argoproj.io/` names a kind that podbridge does not know: its objects, as far as they may be listed. */
async function ofKind(cluster: Cluster, kindWord: string, namespace: string): Promise<string[]> {
  const [{ parseTarget }, { findKind }] = await Promise.all([import('../target/parse-target.ts'), import('../target/custom-kind.ts')]);
  const ref = parseTarget(`${kindWord}/x`);
  if (ref.group === undefined) return [];
  const { type } = await findKind(cluster, ref);
  return named((await cluster.list(type, { namespace })).items).map((name) => `${kindWord}/${name}`);
}

/** @param kindWord what stands before the slash of a target that is being typed */
async function fromCluster(host: Host, live: Live, given: Given, kindWord: string | undefined): Promise<string[]> {
  const [cluster, { resources }] = await Promise.all([connected(host, given), import('../adapters/cluster/index.ts')]);
  const environment = host.env.PODBRIDGE_NAMESPACE;
  const namespace = given.namespace ?? (environment !== undefined && environment !== '' ? environment : cluster.context.namespace);
  /** One kind that may not be read takes the others not along. */
  const listed = <T extends KubeObject>(type: (typeof resources)[keyof typeof resources]): Promise<T[]> => cluster.list<T>(type, type.namespaced ? { namespace } : {}).then(({ items }) => items, () => []);
  try {
    switch (live) {
      case 'namespace': return named(await listed(resources.Namespace));
      case 'target': return kindWord !== undefined && !shortKinds.some(([short]) => short === kindWord) ? await ofKind(cluster, kindWord, namespace) : (await Promise.all(shortKinds.map(async ([short, kind]) => named(await listed(resources[kind])).map((name) => `${short}/${name}`)))).flat();
      case 'container': {
        const [{ parseTarget }, { podTemplate }] = await Promise.all([import('../target/parse-target.ts'), import('../target/resolve-target.ts')]);
        return (await podTemplate(cluster, parseTarget(given.target ?? ''), namespace)).spec.containers.map(({ name }) => name);
      }
      case 'bridge': {
        const docker = await (await import('../adapters/docker/index.ts')).connectDocker(host).catch(() => undefined);
        if (docker === undefined) return [];
        const [bridges, links] = await Promise.all([listed<Bridge>(resources.Bridge), ownLinks(docker, cluster)]);
        return namesOfLinks(links, await docker.containers.list({ [labels.role]: 'app' }), bridges);
      }
      case 'context':
      case 'service':
      case 'file': return [];
    }
  } finally {
    cluster.close();
  }
}

/** As `bridge list` shows them, and other commands take them. */
export function namesOfLinks(links: readonly string[], apps: readonly Pick<ContainerSummary, 'name' | 'labels'>[], bridges: readonly Bridge[]): string[] {
  const here = apps.filter((app) => links.includes(app.labels[labels.link] ?? '')).map((app) => app.labels[labels.bridge] ?? app.name);
  return [...new Set([...here, ...named(bridges.filter(({ spec }) => links.includes(spec.client)))])];
}

/** The link of this user, cluster and Docker: what belongs to others cannot be stopped, entered or read. */
async function ownLinks(docker: Docker, cluster: Cluster): Promise<string[]> {
  const [{ findLinkName }, { linksHere }] = await Promise.all([import('../link/connect-link.ts'), import('../link/out-of-reach.ts')]);
  return findLinkName(docker, cluster).then(({ name }) => [name], async () => (await linksHere(docker, cluster.context)).map(({ link }) => link));
}

/** Of the file as it stands, right or not. */
async function services(host: Host, project: string | undefined): Promise<string[]> {
  const [{ findProjectFile }, { parseDocument }] = await Promise.all([import('../project/find-project-file.ts'), import('yaml')]);
  const file = findProjectFile(host.cwd, project ?? host.env.PODBRIDGE_PROJECT);
  if (file === undefined) return [];
  const { services: found } = parseDocument(await readFile(file, 'utf8'), { merge: true }).toJS() as { services?: object };
  return Object.keys(found ?? {});
}

/** Directories end with a slash. */
async function files(host: Host, word: string): Promise<string[]> {
  const [folder, begin] = word.endsWith('/') || word === '' ? [word, ''] : [word.includes('/') ? `${dirname(word)}/`.replace('//', '/') : '', basename(word)];
  const at = folder.startsWith('~/') ? resolve(host.homeDir, folder.slice(2)) : resolve(host.cwd, folder);
  const entries = await readdir(at, { withFileTypes: true });
  return entries.filter(({ name }) => name.startsWith(begin) && (begin.startsWith('.') || !name.startsWith('.'))).map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`).sort();
}

async function late(): Promise<string[]> {
  await new Promise((done) => setTimeout(done, timing.completionLimitMs).unref());
  return [];
}

export async function liveValues(host: Host, live: Live, { given, word }: Pick<Question, 'given' | 'word'>): Promise<string[]> {
  try {
    if (live === 'file') return await files(host, word);
    if (live === 'service') return await services(host, given.project);
    if (live === 'context') {
      const kubeconfig = given.kubeconfig ?? host.env.PODBRIDGE_KUBECONFIG;
      return await cached(cacheFolder(host), [live, kubeconfig, host.env.KUBECONFIG, host.homeDir], async () => (await import('../adapters/cluster/kubeconfig.ts')).contextNames(host, kubeconfig));
    }
    const kindWord = live === 'target' && word.includes('/') ? word.slice(0, word.indexOf('/')) : undefined;
    const key = [live, given, kindWord, host.env.PODBRIDGE_CONTEXT, host.env.PODBRIDGE_NAMESPACE, host.env.PODBRIDGE_KUBECONFIG, host.env.KUBECONFIG];
    return await cached(cacheFolder(host), key, () => Promise.race([fromCluster(host, live, given, kindWord), late()]));
  } catch {
    return [];
  }
}
