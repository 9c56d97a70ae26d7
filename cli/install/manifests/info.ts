import { names, systemNamespace } from '../../../protocol/names.ts';
import { policyData } from '../policy.ts';
import { previewData } from './preview.ts';
import type { Manifest, ManifestSettings } from './manifest.ts';

/** Which version is installed, for users who may read nothing else there. Applied last: its presence says that the installation succeeded. */
export function info(settings: ManifestSettings): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: names.info, namespace: systemNamespace },
    data: { version: settings.version, stowawayImage: settings.stowawayImage, ...previewData(settings.preview), ...policyData(settings.policy) },
  };
}
