/** The Bridge of a run: made, led to its container, followed until every pod is attached. */
import type { ContainerEgress, Forward } from '../../protocol/control.ts';
import type { Bridge } from '../../protocol/objects.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import { isBridgeError } from '../errors.ts';
import type { Steps } from '../steps/steps.ts';
import type { ResolvedTarget } from '../target/resolve-target.ts';
import { timing } from '../timing.ts';
import { createBridge } from './bridge-object.ts';
import { attached, failIfLost, isReady, notReady, progressWords } from './bridge-progress.ts';
import { BridgeWatch } from './bridge-watch.ts';
import { endBridge } from './end-bridge.ts';
import type { Control, UsableLink } from './needs.ts';
import type { RunRequest } from './run-request.ts';
import { trafficFor } from './traffic.ts';

export interface Attached {
  bridge: Bridge;
  watch: BridgeWatch;
  /** The bridge ends before its container goes, so that no request meets a stopping one. */
  undoFirst: () => void;
}

export interface AttachQuestion {
  request: Pick<RunRequest, 'rules' | 'hideServedBy' | 'takeOver' | 'lifetime' | 'traffic'>;
  /** `--egress`. */
  egress?: 'hub' | 'pod' | undefined;
  cluster: Cluster;
  /** Names of the Client and of its owner. */
  client: string;
  owner: string;
  /** The link; it may still be on its way: agents need not wait for it. */
  link: Promise<Pick<UsableLink, 'control'>>;
  target: ResolvedTarget;
  name: string;
  steps: Steps;
}

export function attach({ request, egress, cluster, client, owner, link, target, name, steps }: AttachQuestion): Promise<Attached> {
  const ref = { namespace: target.namespace, name };
  return steps.run({
    id: 'bridge', title: `Bridge ${name}`,
    act: async ({ undo }) => {
      const watch = new BridgeWatch(cluster, ref);
      const bridge = await createBridge(cluster, {
        ref, owner, client, target: { ...target.ref, container: target.container.name },
        ports: target.ports, rules: request.rules, hideServedBy: request.hideServedBy, ...(request.takeOver === true ? { takeOver: true } : {}), ...(egress === undefined ? {} : { egress }),
        ...(request.lifetime === undefined ? {} : { lifetime: request.lifetime }),
        ...(request.traffic === undefined ? {} : { traffic: trafficFor(request.traffic, target) }),
      }).catch((error: unknown) => {
        watch.close();
        throw error;
      });
      const handle = undo(`End bridge ${name}`, async (force, waiting) => {
        watch.close();
        await endBridge(cluster, ref, client, force, waiting);
        // The cluster sends nothing any more: what cargo still keeps is only tidied up.
        await link.then(async ({ control }) => {
          await control.call('unforward', { bridge: ref });
          await control.call('release', { bridge: ref });
        }).catch(() => undefined);
      });
      return { bridge, watch, undoFirst: () => handle.first() };
    },
  });
}

/** What cargo has to lead to the container and from it, once the controller has given out hub ports and the address for its way out. */
async function ledTo(watch: BridgeWatch, address: string, signal: AbortSignal): Promise<{ forwards: Forward[]; egress?: ContainerEgress }> {
  const { ports, egress } = await watch.until((bridge) => {
    failIfLost(bridge);
    const { spec, status } = bridge ?? {};
    const given = { ports: spec?.ports.length === 0 ? [] : status?.ports, egress: spec?.egress === 'pod' ? status?.egress?.address : null };
    return given.ports === undefined || given.egress === undefined || spec === undefined ? undefined : { ports: given.ports, egress: given.egress };
  }, {
    timeoutMs: timing.bridgeAcceptedTimeoutMs, signal, what: () => 'the controller did not take the bridge',
  });
  return { forwards: ports.map(({ hubPort, protocol, local }) => ({ hubPort, protocol, address, port: local })), ...(egress === null ? {} : { egress: { container: address, address: egress } }) };
}

/** Leads hub ports, and with `--egress pod` the way out, to the container at this address. */
export async function leadTo(control: Control, watch: BridgeWatch, address: string, signal: AbortSignal): Promise<void> {
  const { forwards, egress } = await ledTo(watch, address, signal);
  if (forwards.length > 0 || egress !== undefined) await control.call('forward', { bridge: watch.ref, forwards, ...(egress === undefined ? {} : { egress }) });
}

export function attachedPods(watch: BridgeWatch, cluster: Cluster, steps: Steps): Promise<Bridge> {
  return steps.run({
    id: 'ready', title: 'Pods attached',
    act: async ({ signal, waiting }) => {
      try {
        return await watch.until((bridge) => isReady(bridge, true) && bridge, {
          timeoutMs: timing.bridgeReadyTimeoutMs, signal, onState: (bridge) => waiting(progressWords(bridge)), what: (bridge) => `the bridge did not become ready (waiting for ${progressWords(bridge)})`,
        });
      } catch (error) {
        if (isBridgeError(error) && error.facts.code === 'bridge-timeout') throw await notReady(cluster, watch.current, error);
        throw error;
      }
    },
    detail: (bridge) => `${attached(bridge).ready} of ${attached(bridge).desired ?? '?'}`,
  });
}
