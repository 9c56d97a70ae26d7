import { systemNamespace } from '../../../protocol/names.ts';
import type { Manifest } from './manifest.ts';

/**
 * Pod security must be `privileged` here, because agents share the node's PID namespace and have capabilities. That is the
 * only reason, and the only namespace: those of bridged workloads may be `restricted`.
 */
export function namespace(): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: systemNamespace,
      labels: {
        'pod-security.kubernetes.io/enforce': 'privileged',
        'pod-security.kubernetes.io/audit': 'privileged',
        'pod-security.kubernetes.io/warn': 'privileged',
      },
    },
  };
}
