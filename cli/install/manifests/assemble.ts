import { customResourceDefinitions } from '../../../protocol/crds.ts';
import { names } from '../../../protocol/names.ts';
import { info } from './info.ts';
import { installerRole } from './installer-role.ts';
import { labelled, type Manifest, type ManifestSettings } from './manifest.ts';
import { namespace } from './namespace.ts';
import { networkPolicies } from './network-policies.ts';
import { policies } from './policies.ts';
import { userRole, viewerRole } from './roles.ts';

/** The whole cluster side in the order of `kubectl apply -f`: each object after those that it needs. */
export function assemble(settings: ManifestSettings, workloads: Manifest[]): Manifest[] {
  const rights = (manifest: Manifest): boolean => /^(ServiceAccount|(Cluster)?Role(Binding)?)$/.test(manifest.kind);
  const others: Manifest[] = [
    namespace(),
    ...customResourceDefinitions.map((definition) => ({ ...definition })),
    ...policies(settings.policy),
    userRole(), viewerRole(),
    ...workloads.filter(rights),
    ...networkPolicies(),
    ...workloads.filter((manifest) => !rights(manifest)),
    info(settings),
  ];
  const position = others.findIndex(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === names.userRole);
  return others.toSpliced(position, 0, installerRole(others)).map((manifest) => labelled(manifest, settings.version));
}
