/** `bridge files`: copies the files of a pod's volumes here, once. */
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import type { FilesOffer } from '../../protocol/files.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { withPassingBridge, type PassingBridge, type PassingQuestion } from '../bridge/passing-bridge.ts';
import { sessionOf } from '../bridge/sweep.ts';
import { BridgeError } from '../errors.ts';
import { sessionLabels } from './bring.ts';
import { bytesWords } from './bytes.ts';
import { extractTar, type Extracted } from './extract.ts';
import { startMounter } from './mounter.ts';
import { askForFiles } from './offer.ts';
import { removeFiles } from './remove-files.ts';

export interface CopyOutQuestion extends PassingQuestion {
  docker: Docker;
  /** Absolute; made if it is missing. */
  folder: string;
}

export interface CopiedOut extends Extracted {
  offer: FilesOffer;
}

async function prepare(folder: string): Promise<void> {
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new BridgeError({ kind: 'usage', code: 'folder-unusable', what: `${folder} cannot be written to`, why: error.code === 'ENOTDIR' ? 'it is a file' : error.message, next: 'name another directory', cause: error });
  });
  if (there.length > 0) throw new BridgeError({ kind: 'usage', code: 'folder-not-empty', what: `${folder} is not empty`, why: 'files of the pod would be mixed with what is there', next: 'name another directory' });
  await mkdir(folder, { recursive: true });
}

/** Nothing of it stays but the files (and a link that was up already). */
export async function copyOut(question: CopyOutQuestion): Promise<CopiedOut> {
  const { folder } = question;
  await prepare(folder);
  try {
    return await withPassingBridge(question, { purpose: 'files' }, (passing) => copyTo(question, passing));
  } finally {
    // Where nothing came, nothing is left: a folder with files in it stays.
    await rmdir(folder).catch(() => undefined);
  }
}

function copyTo({ host, docker, steps, namespace, folder }: CopyOutQuestion, { link, bridge: { metadata }, watch }: PassingBridge): Promise<CopiedOut> {
  const { name, uid: bridgeUid = '' } = metadata;
  return steps.run({
    id: 'files', title: 'Files of the pod', detail: ({ files, bytes }) => `${files} files, ${bytesWords(bytes)}`,
    async act({ signal, waiting, undo }) {
      const started = startMounter({
        docker, link: link.client, network: link.network, owner: link.owner, namespace, bridge: name, bridgeUid, live: false, more: sessionLabels({ retain: false, detach: false, session: sessionOf(host) }),
      }, () => undo('Remove the container that copied', () => removeFiles(docker, { link: link.client, namespace, bridge: name, bridgeUid })));
      started.catch(() => undefined);
      // What is being made has to be there before it can be removed.
      const offer = await askForFiles({ watch, control: link.control, signal, waiting }).finally(() => started.catch(() => undefined));
      const roots = [...new Set(offer.volumes.filter(({ type }) => type !== 'other').map(({ at }) => at))];
      const { id } = await started;
      if (roots.length === 0) return { offer, files: 0, bytes: 0 };
      const stream = await docker.containers.execStream(id, ['pod-files', 'export']);
      const give = (): void => stream.close();
      signal.addEventListener('abort', give, { once: true });
      let said = '';
      stream.stderr.on('data', (chunk: Buffer) => { said += chunk.toString('utf8'); });
      stream.stdin.end(JSON.stringify({ bridge: watch.ref, roots }));
      try {
        const extracted = await extractTar(stream.stdout, folder, (bytes) => waiting(bytesWords(bytes)));
        signal.throwIfAborted();
        if (await stream.ended === 0) return { offer, ...extracted };
        throw new Error('it ended too early');
      } catch (error) {
        signal.throwIfAborted();
        throw new BridgeError({
          kind: 'environment', code: 'files-not-copied', what: `the files of pod ${offer.pod.name} could not be copied`, why: said === '' ? (error instanceof Error ? error.message : String(error)) : said.trim(), next: `kubectl -n bridge-system logs -l app.kubernetes.io/component=agent`, cause: error,
        });
      } finally {
        signal.removeEventListener('abort', give);
      }
    },
  });
}
