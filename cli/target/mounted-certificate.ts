/** Where a target container has the certificate of a Secret: the agent reads it there, and so needs no right to read Secrets. */
import { posix } from 'node:path';
import type { PodCertificate } from '../../protocol/traffic.ts';
import { BridgeError } from '../errors.ts';
import type { ContainerSpec, PodVolume } from './kube-types.ts';

/** Keys of a Secret of type kubernetes.io/tls. */
const certKey = 'tls.crt';
const keyKey = 'tls.key';

/** The volume's file for a key of the Secret; undefined when it has none. */
function fileOf({ secret, projected }: PodVolume, name: string, key: string): string | undefined {
  const sources = [...(secret?.secretName === name ? [secret] : []), ...(projected?.sources ?? []).flatMap((source) => (source.secret?.name === name ? [source.secret] : []))];
  for (const { items } of sources) {
    if (items === undefined) return key;
    const item = items.find((candidate) => candidate.key === key);
    if (item !== undefined) return item.path;
  }
  return undefined;
}

function pathIn(container: ContainerSpec, volumes: PodVolume[], secret: string, key: string): string | undefined {
  for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
    const volume = volumes.find((candidate) => candidate.name === name);
    const file = volume === undefined ? undefined : fileOf(volume, secret, key);
    if (file === undefined) continue;
    if (subPath === undefined || subPath === '') return posix.join(mountPath, file);
    if (subPath === file) return mountPath;
    if (file.startsWith(`${subPath}/`)) return posix.join(mountPath, file.slice(subPath.length + 1));
  }
  return undefined;
}

/** @throws BridgeError tls-secret-not-mounted */
export function mountedCertificate(container: ContainerSpec, volumes: PodVolume[], secret: string): PodCertificate {
  const [cert, key] = [certKey, keyKey].map((name) => pathIn(container, volumes, secret, name));
  if (cert !== undefined && key !== undefined) return { cert, key };
  const mounted = [...new Set(volumes.flatMap((volume) => [volume.secret?.secretName, ...(volume.projected?.sources ?? []).map((source) => source.secret?.name)]).filter((name) => name !== undefined))];
  throw new BridgeError({
    kind: 'usage', code: 'tls-secret-not-mounted',
    what: `container ${container.name} does not have ${cert === undefined ? certKey : keyKey} of Secret ${secret} in a volume`,
    why: `podbridge may not read Secrets: it takes the certificate from the pod itself${mounted.length === 0 ? '' : `; the pod's volumes have the Secrets ${mounted.join(', ')}`}`,
    next: '--tls-cert CERTFILE,KEYFILE with paths in the container, or --container for the one that has the Secret',
  });
}
