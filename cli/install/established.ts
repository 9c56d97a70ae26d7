/** Waits until the API server serves our kinds and enforces our policies. */
import { apiGroup, groupVersion, systemNamespace } from '../../protocol/names.ts';
import { policyProbeName, probedPolicy } from '../../protocol/policy.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import type { Manifest } from './manifests/manifest.ts';
import { policyProbe } from './policy-probe.ts';

export interface Crd extends KubeObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

/** The API server serves its kind. */
export function isEstablished(crd: Crd | undefined): boolean {
  return crd?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true;
}

export async function waitForKinds(cluster: Cluster): Promise<void> {
  await Promise.all([`clients.${apiGroup}`, `bridges.${apiGroup}`].map((name) =>
    cluster.until<Crd>(resources.CustomResourceDefinition, name, isEstablished, { timeoutMs: timing.establishTimeoutMs })));
}

/** An owner that nobody can be: user names of this form belong to no authenticator. */
const nobody = 'podbridge:nobody';

/** Objects that the policies about owners must refuse; they are only ever sent as dry runs. */
const forgeries: Manifest[] = [
  {
    apiVersion: groupVersion, kind: 'Client', metadata: { name: policyProbeName, namespace: systemNamespace },
    spec: { owner: nobody, publicKey: Buffer.alloc(32).toString('base64') },
  },
  {
    apiVersion: groupVersion, kind: 'Bridge', metadata: { name: policyProbeName, namespace: systemNamespace },
    spec: { owner: nobody, client: policyProbeName, target: { kind: 'Pod', name: 'none', container: 'none' }, ports: [] },
  },
];

/** Nobody's namespace, and every cluster has it. */
const anyNamespace = 'default';

/**
 * A policy counts a moment after it was written, when the API server has compiled it: proved by trying what it forbids.
 * @param mark of the limits that were written: the ones before them refuse the same probe with another mark
 */
export async function waitForPolicies(cluster: Cluster, mark: string, now: () => number): Promise<void> {
  const { username } = await cluster.whoAmI();
  await Promise.all([
    ...forgeries.map((forgery) => waitUntilRefused(cluster, forgery, () => true, now)),
    waitUntilRefused(cluster, policyProbe(username, anyNamespace), (why) => probedPolicy(why)?.mark === mark, now),
  ]);
}

/** @param wanted is it refused for that reason? */
async function waitUntilRefused(cluster: Cluster, forgery: Manifest, wanted: (why: string) => boolean, now: () => number): Promise<void> {
  const end = now() + timing.establishTimeoutMs;
  let why = 'ValidatingAdmissionPolicy is switched off, or the API server is too old (1.30 is the first that has it)';
  for (;;) {
    try {
      await cluster.apply(forgery, { dryRun: true });
    } catch (error) {
      if (!isBridgeError(error)) throw error;
      if (error.facts.code === 'cluster-denied') {
        const said = error.facts.why ?? '';
        if (wanted(said)) return;
        why = `a bridge that its limits refuse is still refused otherwise: ${said}`;
      } else if (!['cluster-not-found', 'cluster-kind-missing', 'cluster-conflict'].includes(error.facts.code)) {
        // The namespace or kind is not seen by the API server that answered.
        throw error;
      }
    }
    if (now() >= end) {
      throw new BridgeError({
        kind: 'timeout', code: 'policies-not-in-force', what: `the cluster does not enforce the admission policy for ${forgery.kind} objects`, why,
        next: `${cluster.context.kubectl} get validatingadmissionpolicies -o yaml`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, timing.establishPollIntervalMs));
  }
}
