/** The gateway is a pod that the first preview brings up; its link is told of when it answers. */
import { names, systemNamespace } from '../../protocol/names.ts';
import { resources, type Cluster, type KubeObject } from '../adapters/cluster/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import type { Steps } from '../steps/steps.ts';
import { timing } from '../timing.ts';

interface Pod extends KubeObject { status?: { conditions?: { type: string; status: string }[] } }

const isReady = (pod: Pod | undefined): boolean => pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

export async function untilGateway(cluster: Cluster, steps: Steps): Promise<void> {
  await steps.run({
    id: 'gateway', title: 'Preview gateway in the cluster',
    act: async () => {
      try {
        await cluster.until<Pod>(resources.Pod, names.preview, isReady, { namespace: systemNamespace, timeoutMs: timing.previewGatewayTimeoutMs });
      } catch (error) {
        if (!isBridgeError(error) || error.facts.code !== 'cluster-timeout') throw error;
        throw new BridgeError({ kind: 'timeout', code: 'preview-gateway', what: 'the preview was made, but the gateway that shows it does not run', why: 'its pod cannot be placed or started', next: `kubectl -n ${systemNamespace} describe pod ${names.preview}`, cause: error });
      }
    },
  });
}
