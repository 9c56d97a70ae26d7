import type { KubeObject } from '../../adapters/cluster/index.ts';
import type { InstallPolicy } from '../policy.ts';
import type { PreviewExposure } from './preview.ts';
import { labels, managedBy } from '../../../protocol/names.ts';

/** One object of the cluster side as it is applied: plain data. */
export type Manifest = KubeObject & Record<string, unknown>;

/** What the manifests depend on; nothing else does, so that equal settings give equal manifests. */
export interface ManifestSettings {
  /** Version of the package, and so of the cluster side. */
  version: string;
  /** Reference of the stowaway image as the nodes will know it. */
  stowawayImage: string;
  /** How browsers reach the preview gateway; absent: by a port of the nodes. */
  preview?: PreviewExposure;
  /** What bridges of the whole cluster may not be. */
  policy?: InstallPolicy;
}

/** Marks an object as ours and as belonging to a version; labels that it has already win nothing over these two. */
export function labelled(manifest: Manifest, version: string): Manifest {
  return {
    ...manifest,
    metadata: {
      ...manifest.metadata,
      labels: { ...manifest.metadata.labels, [labels.managedBy]: managedBy, [labels.version]: version },
    },
  };
}
