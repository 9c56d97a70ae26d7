/**
 * Brings the cluster side into being, or to this version. Everything is idempotent and applied by its owner alone, so that
 * two of these at the same time do no harm, and one that was broken off is simply run again.
 */
import { names, systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';
import type { Steps } from '../steps/steps.ts';
import { timing } from '../timing.ts';
import { version } from '../version.ts';
import { agentRefusal } from './agents-allowed.ts';
import { applyAll } from './apply.ts';
import { waitForKinds, waitForPolicies } from './established.ts';
import { findNamespace } from './find-ours.ts';
import { manifests } from './manifests/index.ts';
import { limitsPolicy } from './manifests/limits.ts';
import type { Manifest } from './manifests/manifest.ts';
import type { PreviewExposure } from './manifests/preview.ts';
import { policyFrom, type InstallPolicy } from './policy.ts';
import { prune } from './prune.ts';
import { waitForRollout } from './rollout.ts';
import { findInstalled } from './version.ts';

export interface Installation {
  version: string;
  /** What was there before; null: nothing. */
  previous: string | null;
  image: string;
  /** Why this cluster forbids agents, without which no workload can be bridged; null: it does not. */
  agentsForbidden: string | null;
  /** What bridges of the whole cluster may not be. */
  policy: InstallPolicy;
}

export interface InstallContext {
  cluster: Cluster;
  steps: Steps;
  now: () => number;
  /** Absent: as it is, or by a port of the nodes. */
  preview?: PreviewExposure;
  /** Absent: as it is; an empty one lifts it. */
  policy?: InstallPolicy;
  image: {
    reference: string;
    /** Makes the nodes able to run it; returns a few words about how. */
    deliver: (waiting: (waitingFor: string) => void, signal: AbortSignal) => Promise<string>;
  };
}

/** The first version with ValidatingAdmissionPolicy in `v1`. */
const oldestKubernetes = [1, 30] as const;

export async function install({ cluster, steps, now, preview, policy: wantedPolicy, image }: InstallContext): Promise<Installation> {
  const [previous] = await Promise.all([findInstalled(cluster), checkKubernetes(cluster)]);
  const exposure = preview ?? previous?.preview;
  const policy = wantedPolicy ?? await policyFrom(previous?.policy);
  const all = manifests({ version, stowawayImage: image.reference, policy, ...(exposure === undefined ? {} : { preview: exposure }) });
  const marker = all.filter(isMarker);
  const workloads = all.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
  const base = all.filter((manifest) => !marker.includes(manifest) && !workloads.includes(manifest));

  const delivered = steps.run({ id: 'image', title: 'Image on the nodes', act: ({ waiting, signal }) => image.deliver(waiting, signal), detail: (how) => how });
  const applied = steps.run({
    id: 'objects', title: 'Custom resources, policies and roles', act: async ({ waiting, signal }) => {
      await untilNamespaceIsFree(cluster, waiting);
      await applyAll(cluster, base, signal);
    },
  });
  // Kinds and policies come into force while the pods start.
  const inForce = applied.then(() => steps.run({
    id: 'policies', title: 'Policies in force', act: async () => Promise.all([waitForKinds(cluster), waitForPolicies(cluster, limitsPolicy(policy).mark, now)]),
  }));
  const running = Promise.all([delivered, applied]).then(() => steps.run({
    id: 'workloads', title: 'Hub and controller', act: async ({ waiting, signal }) => {
      await applyAll(cluster, workloads, signal);
      await Promise.all([
        waitForRollout(cluster, { type: resources.StatefulSet, name: names.hub }, now, waiting),
        waitForRollout(cluster, { type: resources.Deployment, name: names.controller }, now, waiting),
      ]);
    },
  }));
  const forbidden = applied.then(() => agentRefusal(cluster, image.reference));
  await Promise.all([delivered, applied, inForce, running, forbidden]);
  await applyAll(cluster, marker);
  await closeEntrance(cluster, previous?.preview, exposure);
  if (previous !== undefined && previous.version !== version) await prune(cluster, all);
  return { version, previous: previous?.version ?? null, image: image.reference, agentsForbidden: await forbidden ?? null, policy };
}

/** What led browsers to the preview gateway before, and is not wanted any more. (The Service is always there.) */
async function closeEntrance(cluster: Cluster, before: PreviewExposure | undefined, now: PreviewExposure | undefined): Promise<void> {
  if (before === undefined || before.way === now?.way) return;
  const type = { ingress: resources.Ingress, gateway: resources.HTTPRoute }[before.way as string];
  if (type !== undefined) await cluster.delete(type, names.preview, { namespace: systemNamespace });
}

function isMarker({ kind, metadata }: Manifest): boolean {
  return kind === 'ConfigMap' && metadata.name === names.info;
}

async function checkKubernetes(cluster: Cluster): Promise<void> {
  const found = await cluster.serverVersion();
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(found) ?? [];
  const [wantedMajor, wantedMinor] = oldestKubernetes;
  if (Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor)) return;
  throw new BridgeError({
    kind: 'environment', code: 'kubernetes-too-old', what: `the cluster runs Kubernetes ${found}; podbridge needs ${oldestKubernetes.join('.')} or newer`,
    why: 'who owns a bridge is enforced by ValidatingAdmissionPolicy, which older versions do not have', next: `${cluster.context.kubectl} version`,
  });
}

/** An uninstall that is still under way would take new objects with it. */
async function untilNamespaceIsFree(cluster: Cluster, waiting: (waitingFor: string) => void): Promise<void> {
  const namespace = await findNamespace(cluster);
  if (namespace?.metadata.deletionTimestamp === undefined) return;
  waiting('the end of an uninstall');
  await cluster.until(resources.Namespace, namespace.metadata.name, (current) => current?.metadata.uid !== namespace.metadata.uid, { timeoutMs: timing.uninstallGoneTimeoutMs });
}
