/** `bridge init`: targets in the cluster become services of a bridge.yaml. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { targetWords } from '../../protocol/target.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import type { Host } from '../host.ts';
import { projectFileNames } from '../project/find-project-file.ts';
import { parseTarget } from '../target/parse-target.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { resolveTarget, type ResolvedTarget } from '../target/resolve-target.ts';
import { serviceEntry, serviceNameOf } from './service-entry.ts';
import { extendProject, newProject } from './write-project.ts';

const offered = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

/** `deploy/api`, of the kinds that people bridge. */
export async function workloadsOf(cluster: Cluster, namespace: string): Promise<string[]> {
  const lists = await Promise.all(offered.map(async (kind) => (await cluster.list(resources[kind], { namespace })).items.map(({ metadata }) => targetWords({ kind, name: metadata.name })).sort()));
  return lists.flat();
}

export interface InitQuestion {
  cluster: Cluster;
  host: Pick<Host, 'cwd' | 'program'>;
  namespace: string;
  targets: readonly string[];
  /** `--build`. */
  build?: string;
  container?: string;
  print: boolean;
}

export interface Initialised {
  file: string;
  services: string[];
  added: boolean;
  /** With `--print`, instead of a file. */
  text?: string;
}

/** Ports that are not declared are no obstacle here: the file says what to do. */
async function resolved(cluster: Cluster, ref: ResolvedTarget['ref'], namespace: string, container: string | undefined): Promise<ResolvedTarget> {
  const question = { ref, namespace, ports: [], ...(container === undefined ? {} : { container }) };
  try {
    return await resolveTarget(cluster, question);
  } catch (error) {
    if (!isBridgeError(error) || error.facts.code !== 'no-ports') throw error;
    return resolveTarget(cluster, { ...question, withoutPorts: true });
  }
}

export async function initProject({ cluster, host, namespace, targets, build, container, print }: InitQuestion): Promise<Initialised> {
  const found = await Promise.all(targets.map((target) => resolved(cluster, parseTarget(target, (meant) => `bridge init ${meant}`), namespace, container)));
  if (build !== undefined && !existsSync(resolve(host.cwd, build))) throw new BridgeError({ kind: 'usage', code: 'build-context', what: `there is no folder ${resolve(host.cwd, build)}`, why: '--build names it', next: 'bridge init --build DIR, with a folder that has a Dockerfile' });
  const present = projectFileNames.map((name) => join(host.cwd, name)).find((file) => existsSync(file));
  const file = present ?? join(host.cwd, projectFileNames[0]);
  const folder = build === undefined ? (existsSync(join(host.cwd, 'Dockerfile')) ? host.cwd : undefined) : resolve(host.cwd, build);
  const path = folder === undefined ? undefined : relative(dirname(file), folder);
  const entries = found.map((target) => ({
    name: serviceNameOf(target),
    lines: serviceEntry({ target, severalContainers: container !== undefined, ...(path === undefined ? {} : { build: path === '' ? '.' : path.startsWith('.') ? path : `./${path}` }) }),
  }));
  const services = entries.map(({ name }) => name);
  const text = present === undefined || print ? newProject(entries, { context: cluster.context.name, namespace, program: host.program }) : extendProject(await readFile(present, 'utf8'), entries, file);
  if (print) return { file, services, added: false, text };
  await writeFile(file, text);
  return { file, services, added: present !== undefined };
}
