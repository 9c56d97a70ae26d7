/** `bridge doctor --bundle`: findings, objects and logs in one archive that can be attached to a report. Everything passes redact.ts. */
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import type { KubeObject } from '../adapters/cluster/index.ts';
import { resources } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';
import { factsOf } from '../ui/error-text.ts';
import { version } from '../version.ts';
import type { DoctorContext } from './check.ts';
import type { FoundBy } from './finding.ts';
import { redact, redactText } from './redact.ts';

/** Of each log. */
const logLines = 2000;

interface Entry {
  name: string;
  content: string;
}

const json = (name: string, value: unknown): Entry => ({ name, content: `${JSON.stringify(redact(value), null, 2)}\n` });
const log = (name: string, text: string): Entry => ({ name, content: redactText(text) });

/** What cannot be had is told in its place. */
async function part(name: string, make: () => Promise<Entry[]>): Promise<Entry[]> {
  try {
    return await make();
  } catch (error) {
    return [{ name: `${name}.missing.txt`, content: `${redactText(factsOf(error).what)}\n` }];
  }
}

async function dockerPart({ docker: connect }: DoctorContext): Promise<Entry[]> {
  const docker = await connect();
  const containers = await docker.containers.list({ [labels.managedBy]: managedBy });
  const networks = await docker.networks.list({ [labels.managedBy]: managedBy });
  const details = await Promise.all(containers.map(({ id }) => docker.containers.find(id)));
  // The log of the user's own program is the user's: only cargo's is taken.
  const cargos = containers.filter((container) => container.labels[labels.role] === 'cargo');
  const logs = await Promise.all(cargos.map(async ({ id, name }) => {
    const output = await docker.containers.logs(id, { tail: logLines, tty: false });
    const texts = await Promise.all([output.stdout, output.stderr].map(async (stream) => {
      let text = '';
      for await (const chunk of stream) text += String(chunk);
      return text;
    }));
    return log(`docker/${name}.log`, texts.join(''));
  }));
  return [json('docker/info.json', await docker.info()), json('docker/containers.json', details), json('docker/networks.json', networks), ...logs];
}

async function clusterPart({ cluster: connect, bridges }: DoctorContext): Promise<Entry[]> {
  const cluster = await connect();
  const kinds = [['pods', resources.Pod], ['clients', resources.Client], ['services', resources.Service], ['events', resources.Event], ['deployments', resources.Deployment], ['statefulsets', resources.StatefulSet]] as const;
  const lists = await Promise.all(kinds.map(([name, type]) => part(`cluster/${name}`, async () => [json(`cluster/${name}.json`, (await cluster.list<KubeObject>(type, { namespace: systemNamespace })).items)])));
  const pods = await cluster.list<KubeObject>(resources.Pod, { namespace: systemNamespace }).then(({ items }) => items, () => []);
  const logs = await Promise.all(pods.filter(({ metadata }) => metadata.name.startsWith('stowaway-')).map(({ metadata: { name } }) => part(`cluster/${name}`, async () => [log(`cluster/${name}.log`, await cluster.podLog(systemNamespace, name, { tailLines: logLines }))])));
  return [
    json('cluster/context.json', { name: cluster.context.name, server: cluster.context.server, namespace: cluster.context.namespace }), json('cluster/version.json', { kubernetes: await cluster.serverVersion(), info: names.info }),
    ...await part('cluster/bridges', async () => [json('cluster/bridges.json', await bridges())]), ...lists.flat(), ...logs.flat(),
  ];
}

export async function bundleEntries(findings: readonly FoundBy[], context: DoctorContext): Promise<Entry[]> {
  return [
    json('findings.json', findings), json('version.json', { podbridge: version, node: context.host.nodeVersion }),
    ...await part('status', async () => [json('status.json', await context.status())]), ...await part('docker', () => dockerPart(context)), ...await part('cluster', () => clusterPart(context)),
  ];
}

/** @param file absolute path of a `.tar.gz`; an existing file is refused */
export async function writeBundle(file: string, entries: readonly Entry[]): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'wx', 0o600);
  } catch (error) {
    throw new BridgeError({ kind: 'usage', code: 'bundle-unwritable', what: `${file} cannot be written`, why: error instanceof Error ? error.message : String(error), next: 'bridge doctor --bundle ANOTHER-FILE.tar.gz' });
  }
  const { default: { pack } } = await import('tar-stream');
  const archive = pack();
  for (const { name, content } of entries) archive.entry({ name: `podbridge-doctor/${name}`, mode: 0o600 }, content);
  archive.finalize();
  await pipeline(archive, createGzip(), handle.createWriteStream());
}
