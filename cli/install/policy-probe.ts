/** A bridge against which only the limits can have something, and they always have: whoever asks for it (as a dry run) hears which limits are in force. */
import { groupVersion } from '../../protocol/names.ts';
import { policyProbeName } from '../../protocol/policy.ts';
import type { Manifest } from './manifests/manifest.ts';

/** @param owner whoever asks */
export function policyProbe(owner: string, namespace: string): Manifest {
  return {
    apiVersion: groupVersion, kind: 'Bridge', metadata: { name: policyProbeName, namespace },
    spec: { owner, client: policyProbeName, target: { kind: 'Pod', name: 'none', container: 'none' }, ports: [] },
  };
}
