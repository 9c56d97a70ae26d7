/**
 * Certificates that pods have on disk, for opening TLS in their place: read through /proc in the target's container, checked, and
 * put as one file each into the agent's private directory, which is memory. Named by content, so that a renewed certificate is
 * another file and HAProxy is told. Keys are in no message and no log.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Bridge } from '../../../../protocol/objects.ts';
import { readInRoot } from '../identity/read-in-root.ts';
import type { Certificate } from '../plan.ts';
import { mainProcess } from '../pods/main-process.ts';
import type { NodePod } from '../pods/node-pod.ts';
import type { Processes } from '../pods/proc-table.ts';

/** Renewed certificates are noticed after this long at the latest. */
export const certificateLookMs = 10_000;
/** A chain of a dozen certificates with its key. */
const mostBytes = 256 * 1024;

/** What is wrong with a certificate and its key, in words without any of their content; undefined: they fit. */
export function certificateTrouble(cert: string, key: string): string | undefined {
  if (!/-----BEGIN CERTIFICATE-----/.test(cert)) return 'there is no PEM certificate in it';
  if (/ENCRYPTED/.test(key)) return 'the private key is encrypted';
  if (!/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(key)) return 'there is no PEM private key';
  try {
    createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' ? 'the private key is that of another certificate' : 'certificate or private key cannot be read';
  }
}

export class Certificates {
  readonly #directory: string;
  readonly #processes: Processes;

  /** @param directory of our own, in memory, readable by nobody else */
  constructor(directory: string, processes: Processes) {
    this.#directory = `${directory}/tls`;
    this.#processes = processes;
  }

  /** Undefined when the bridge asks for none. */
  of({ spec: { tls, target } }: Bridge, pod: NodePod): Certificate | undefined {
    if (tls === undefined) return undefined;
    const container = pod.containers.find(({ name }) => name === target.container);
    const pid = container === undefined ? undefined : mainProcess(container, this.#processes.ofPod(pod.metadata.uid ?? ''));
    if (pid === undefined) return { trouble: `waiting for container ${target.container}, whose certificate is needed` };
    const root = `/proc/${pid}/root`;
    const cert = readInRoot(root, tls.cert);
    const key = tls.key === undefined ? cert : readInRoot(root, tls.key);
    const [missing] = [cert === undefined ? tls.cert : undefined, key === undefined ? tls.key : undefined].filter((path) => path !== undefined);
    if (cert === undefined || key === undefined) return { trouble: `there is no readable file ${missing ?? ''} in container ${target.container}` };
    const trouble = cert.length + key.length > mostBytes ? 'it is too long' : certificateTrouble(cert, key);
    if (trouble !== undefined) return { trouble: `the certificate ${tls.cert} in container ${target.container} cannot be used: ${trouble}` };
    return { file: this.#store(tls.key === undefined ? cert : `${cert.trimEnd()}\n${key.trimEnd()}\n`) };
  }

  /** Removes the files of all others. */
  keep(files: ReadonlySet<string>): void {
    try {
      for (const name of readdirSync(this.#directory)) if (!files.has(`${this.#directory}/${name}`)) rmSync(`${this.#directory}/${name}`, { force: true });
    } catch {
      // Nothing was ever stored.
    }
  }

  #store(pem: string): string {
    const file = `${this.#directory}/${createHash('sha256').update(pem).digest('hex')}.pem`;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    try {
      writeFileSync(file, pem, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return file;
  }
}
