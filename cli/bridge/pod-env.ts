/** `bridge env`: what a pod's process has. */
import type { Identity } from '../../protocol/identity.ts';
import type { ContainerSpec } from '../target/kube-types.ts';
import { fetchIdentity } from './identity.ts';
import { withPassingBridge, type PassingQuestion } from './passing-bridge.ts';

export interface PodEnv {
  identity: Identity;
  /** As the pod's template describes it. */
  container: ContainerSpec;
}

export function podEnv(question: PassingQuestion): Promise<PodEnv> {
  return withPassingBridge(question, { purpose: 'env' }, async ({ link, target, watch }) => ({
    identity: await question.steps.run({
      id: 'identity', title: 'Environment of the pod', detail: (found) => `pod ${found.pod.name}`,
      act: ({ signal, waiting }) => fetchIdentity({ watch, control: link.control, signal, waiting }),
    }),
    container: target.container,
  }));
}
