/** The pod of the preview gateway: there while bridges have previews, and for a while after, so that their links still say that they have ended. */
import type { KubeObject } from '../kube/index.ts';
import { labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { ports } from '../../../protocol/ports.ts';
import { patientProbes } from './probes.ts';
import type { AgentSettings } from './agent-pod.ts';
import type { SystemPod } from './pods.ts';

export const previewIdleMs = 3_600_000;

export interface PreviewPodPlan {
  create: boolean;
  remove: { agent: SystemPod; why: string }[];
  /** Since when nobody needs it; undefined while somebody does. */
  idleSince: number | undefined;
  nextAt: number;
}

/** Pure. @param pod what stands under its name now */
export function planPreviewPod({ bridges, pod, image, version, idleSince, now }: { bridges: Iterable<Bridge>; pod: SystemPod | undefined; image: string; version: string; idleSince: number | undefined; now: number }): PreviewPodPlan {
  const wanted = [...bridges].some(({ spec }) => (spec.previews ?? []).some(({ expiresAt }) => Date.parse(expiresAt) > now));
  const plan: PreviewPodPlan = { create: false, remove: [], idleSince: wanted ? undefined : idleSince ?? now, nextAt: Infinity };
  if (pod === undefined) return { ...plan, create: wanted };
  if (pod.deleting) return plan;
  const remove = (why: string): PreviewPodPlan => ({ ...plan, remove: [{ agent: pod, why }] });
  if (pod.dead) return remove(`it has ended: ${pod.trouble ?? 'for no known reason'}`);
  if (pod.image !== image || pod.metadata.labels?.[labels.version] !== version) return remove('it is of another version');
  if (plan.idleSince === undefined) return plan;
  const dueAt = plan.idleSince + previewIdleMs;
  return dueAt <= now ? remove('there have been no previews for a while') : { ...plan, nextAt: dueAt };
}

export function previewPod({ image, version, priorityClassName, owner }: AgentSettings): KubeObject & { spec: Record<string, unknown> } {
  return {
    metadata: {
      name: names.preview,
      namespace: systemNamespace,
      labels: { [labels.managedBy]: managedBy, [labels.component]: 'preview', [labels.version]: version },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: owner.name, uid: owner.uid, controller: true, blockOwnerDeletion: false }],
    },
    spec: {
      serviceAccountName: names.preview,
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      ...(priorityClassName === undefined ? {} : { priorityClassName }),
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 5,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{
        name: 'preview', image, imagePullPolicy: 'IfNotPresent', args: ['preview'],
        env: [{ name: 'PODBRIDGE_VERSION', value: version }],
        ports: [{ name: 'http', containerPort: ports.preview, protocol: 'TCP' }],
        ...patientProbes(ports.health),
        resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '512Mi' } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ name: 'run', mountPath: '/run' }],
      }],
      volumes: [{ name: 'run', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } }],
    },
  };
}
