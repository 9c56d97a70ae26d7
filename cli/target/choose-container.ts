/** Which container of the target is stood in for: named, the only one, the annotated one, or (for a Service) the one that has its ports. */
import { BridgeError } from '../errors.ts';
import type { ContainerSpec, PodSpec } from './kube-types.ts';

/** The annotation that kubectl exec and logs go by as well. */
const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container';

export interface ContainerChoice {
  /** For messages: `deployment api`. */
  target: string;
  spec: PodSpec;
  annotations: Record<string, string>;
  /** `--container`. */
  wanted?: string;
  /** Names and numbers of the target ports of the Service that was named. */
  servicePorts?: (string | number)[];
}

function sidecars(spec: PodSpec): ContainerSpec[] {
  return (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
}

export function chooseContainer({ target, spec, annotations, wanted, servicePorts }: ContainerChoice): ContainerSpec {
  const candidates = spec.containers;
  const names = candidates.map((container) => container.name);
  if (wanted !== undefined) {
    const found = [...candidates, ...sidecars(spec)].find((container) => container.name === wanted);
    if (found !== undefined) return found;
    throw new BridgeError({
      kind: 'usage', code: 'container-not-found', what: `${target} has no container ${wanted}`, why: `there ${names.length === 1 ? 'is' : 'are'}: ${[...names, ...sidecars(spec).map(({ name }) => name)].join(', ')}`,
      next: `--container ${names[0] ?? 'NAME'}`,
    });
  }
  if (candidates.length === 1) return candidates[0]!;
  const annotated = candidates.find((container) => container.name === annotations[defaultContainerAnnotation]);
  if (annotated !== undefined) return annotated;
  if (servicePorts !== undefined) {
    const serving = candidates.filter((container) => (container.ports ?? []).some((port) => servicePorts.includes(port.containerPort) || (port.name !== undefined && servicePorts.includes(port.name))));
    if (serving.length === 1) return serving[0]!;
  }
  throw new BridgeError({
    kind: 'usage', code: 'container-ambiguous', what: `${target} has several containers: ${names.join(', ')}`,
    why: `none is marked as the default one (annotation ${defaultContainerAnnotation})`, next: `--container ${names[0] ?? 'NAME'}`,
  });
}
