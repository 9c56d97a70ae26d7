/**
 * Leader election with a coordination.k8s.io Lease: one process works, the others wait.
 * Times are compared with the local clock from the moment a lease was *seen* to change, never with the writer's clock.
 */
import { isAlreadyExists, isConflict, isNotFound } from './error.ts';
import type { Kube, KubeObject } from './kube.ts';
import { pause } from './backoff.ts';
import { resources } from './resource.ts';

/** The holder may be silent this long before somebody else takes over. */
const leaseDurationMs = 15_000;
/** The holder renews this often, and gives up when it could not for {@link renewDeadlineMs}. */
const renewIntervalMs = 4_000;
const renewDeadlineMs = 10_000;
/** Those who wait look this often. */
const retryIntervalMs = 1_000;

interface Lease extends KubeObject {
  spec?: { holderIdentity?: string; leaseDurationSeconds?: number; acquireTime?: string; renewTime?: string; leaseTransitions?: number };
}

export interface ElectionOptions {
  namespace: string;
  name: string;
  /** Of this process. The same identity takes its own lease over at once (a container that restarted in its pod). */
  identity: string;
  labels?: Record<string, string>;
  /** Is this holder surely dead, so that nobody need wait for its time to pass? */
  isDead?: (identity: string) => Promise<boolean>;
  signal: AbortSignal;
  onError?: (error: unknown) => void;
  now?: () => number;
}

/**
 * Waits for the lease, runs `work` while it is held, gives it back at the end. Resolves when `options.signal` is aborted, or when
 * the lease was lost: then `work` has been told by its signal and has ended, and the caller should exit or call again.
 */
export async function whileLeader(kube: Kube, options: ElectionOptions, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const { signal, onError = () => undefined, now = Date.now } = options;
  let lease = await acquire(kube, options, onError, now);
  if (lease === undefined) return;
  const leading = new AbortController();
  const stop = (): void => leading.abort();
  signal.addEventListener('abort', stop, { once: true });
  const working = work(leading.signal).finally(stop);
  let renewed = now();
  while (!leading.signal.aborted) {
    await pause(renewIntervalMs, leading.signal);
    if (leading.signal.aborted) break;
    try {
      lease = await write(kube, lease, options, now);
      renewed = now();
    } catch (error) {
      onError(error);
      if (isConflict(error) || isNotFound(error) || now() - renewed > renewDeadlineMs) stop();
    }
  }
  signal.removeEventListener('abort', stop);
  try {
    await working;
  } finally {
    await release(kube, lease).catch(onError);
  }
}

async function acquire(kube: Kube, options: ElectionOptions, onError: (error: unknown) => void, now: () => number): Promise<Lease | undefined> {
  let seen: { version: string | undefined; at: number } | undefined;
  while (!options.signal.aborted) {
    try {
      const lease = await read(kube, options);
      if (lease === undefined) return await create(kube, options, now);
      if (seen === undefined || seen.version !== lease.metadata.resourceVersion) seen = { version: lease.metadata.resourceVersion, at: now() };
      const holder = lease.spec?.holderIdentity ?? '';
      const silentMs = now() - seen.at;
      const isFree = holder === '' || holder === options.identity || silentMs > (lease.spec?.leaseDurationSeconds ?? 15) * 1000;
      if (isFree || await options.isDead?.(holder) === true) {
        return await write(kube, lease, options, now);
      }
    } catch (error) {
      if (!isConflict(error) && !isAlreadyExists(error)) onError(error);
    }
    await pause(retryIntervalMs, options.signal);
  }
  return undefined;
}

async function read(kube: Kube, { namespace, name }: ElectionOptions): Promise<Lease | undefined> {
  try {
    return await kube.get<Lease>(resources.leases, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function create(kube: Kube, options: ElectionOptions, now: () => number): Promise<Lease> {
  const { namespace, name, labels } = options;
  return await kube.create<Lease>(resources.leases, { metadata: { namespace, name, ...(labels === undefined ? {} : { labels }) }, spec: held(undefined, options, now) });
}

async function write(kube: Kube, lease: Lease, options: ElectionOptions, now: () => number): Promise<Lease> {
  return await kube.replace<Lease>(resources.leases, { ...lease, spec: held(lease, options, now) });
}

function held(lease: Lease | undefined, { identity }: ElectionOptions, now: () => number): NonNullable<Lease['spec']> {
  const time = new Date(now()).toISOString().replace('Z', '000Z'); // MicroTime: six digits
  const mine = lease?.spec?.holderIdentity === identity;
  return {
    holderIdentity: identity, leaseDurationSeconds: leaseDurationMs / 1000, renewTime: time,
    acquireTime: mine ? lease?.spec?.acquireTime ?? time : time,
    leaseTransitions: (lease?.spec?.leaseTransitions ?? 0) + (mine || lease === undefined ? 0 : 1),
  };
}

async function release(kube: Kube, lease: Lease): Promise<void> {
  await kube.replace<Lease>(resources.leases, { ...lease, spec: { ...lease.spec, holderIdentity: '' } });
}
