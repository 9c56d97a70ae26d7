/** `stowaway agent`: the node's pods and all bridges from the API server, the identity server, and the agent between them. */
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Bridge, Client } from '../../../protocol/objects.ts';
import { systemNamespace } from '../../../protocol/names.ts';
import { ports } from '../../../protocol/ports.ts';
import { forgetNetns } from '../adapters/netns.ts';
import { agentManager } from '../agent-names.ts';
import { follow, isConflict, isNotFound, resources } from '../kube/index.ts';
import { serveHealth } from '../health.ts';
import { words } from '../log.ts';
import { required, stopped, type Role } from '../role.ts';
import type { FilesElsewhere, FilesTicket } from '../../../protocol/files.ts';
import { containerFiles } from './files/container-files.ts';
import { FileServer } from './files/file-server.ts';
import { Grants } from './files/grants.ts';
import { collectIdentity } from './identity/collect.ts';
import { serveIdentities } from './identity/server.ts';
import { netnsPrefix } from './pod-networks.ts';
import { ownInstance, removeLeftovers } from './instance.ts';
import { NodeAgent } from './node-agent.ts';
import { answerProbes } from './freeze/probe-answers.ts';
import { bridgeKey, mayServe } from './plan.ts';
import { trimPod, type NodePod, type RawPod } from './pods/node-pod.ts';
import { ProcTable } from './pods/proc-table.ts';
import { podMatcher } from './pods/selector.ts';

const directory = '/run/podbridge';
/** In the node's PID namespace, process 1 is in the node's network. */
const nodePid = 1;
/** More threads make each request slower on a small node, and cost memory on a big one. */
const mostThreads = 2;
/** Less than the pod's termination grace period: our own tidying comes after it. */
const stopGraceMs = 3000;
/** As many as cargo will ask. */
const mostAgentsNamed = 16;

export const runAgent: Role = async ({ kube, env, log, signal, cpuUs }) => {
  const node = required(env, 'NODE_NAME');
  const address = required(env, 'POD_IP');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await forgetNetns(netnsPrefix);
  const instance = ownInstance();
  const processes = new ProcTable();
  const onError = (what: string) => (error: unknown): void => log('failed', { what, message: words(error) });

  const trigger = (): void => {
    agent.trigger();
    revokeEnded();
  };
  // The agent goes on serving with what it knows until it was told to stop and has ended its work.
  const watching = new AbortController();
  const pods = follow<NodePod, RawPod>(kube, resources.pods, { fieldSelector: `spec.nodeName=${node}`, trim: trimPod, signal: watching.signal, onChange: trigger, onError: onError('watch pods') });
  const bridges = follow<Bridge>(kube, resources.bridges, { signal: watching.signal, onChange: trigger, onError: onError('watch bridges') });
  const clients = follow<Client>(kube, resources.clients, { namespace: systemNamespace, signal: watching.signal, onChange: trigger, onError: onError('watch clients') });
  const client = (name: string): Client | undefined => clients.get({ namespace: systemNamespace, name });
  let synced = false;

  const agent = new NodeAgent({
    node, agent: `${address}:${ports.agent}`, instance, nodePid, directory, threads: Math.min(mostThreads, availableParallelism()),
    // Before all three are known, a missing object means nothing.
    pods: () => pods.values(), bridges: () => (synced ? bridges.values() : []), client, processes, log, signal, cpuUs,
    writeStatus: async ({ metadata: { namespace, name, uid } }, entries) => {
      try {
        await kube.apply(resources.bridges, {
          metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) }, status: { pods: entries },
        }, { manager: agentManager(node), subresource: 'status' });
      } catch (error) {
        // It is gone, or another of the same name is there: the watch brings the news.
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
    },
  });

  const served = (namespace: string, name: string): { bridge: Bridge; publicKey: string } | undefined => {
    const bridge = bridges.get({ namespace, name });
    const owner = bridge === undefined ? undefined : client(bridge.spec.client);
    return bridge === undefined || owner === undefined || !mayServe(bridge, owner) ? undefined : { bridge, publicKey: owner.spec.publicKey };
  };

  /** Running pods of a bridge here, in a lasting order; undefined when its client may not have anything of them. */
  const candidatesOf = (namespace: string, name: string): { bridge: Bridge; owner: Client; candidates: NodePod[] } | undefined => {
    const bridge = bridges.get({ namespace, name });
    const owner = bridge === undefined ? undefined : client(bridge.spec.client);
    const selector = bridge?.status?.podSelector;
    if (bridge === undefined || owner === undefined || selector === undefined || !mayServe(bridge, owner)) return undefined;
    const matches = podMatcher(selector);
    return { bridge, owner, candidates: [...pods.values()].filter((pod) => pod.metadata.namespace === namespace && !pod.completed && matches(pod)) };
  };

  const agentsOf = ({ status }: Bridge): string[] => [...new Set((status?.pods ?? []).map((entry) => entry.agent))].slice(0, mostAgentsNamed);
  const grants = new Grants();
  const files = new FileServer({ port: ports.files, log, onEnd: () => undefined });
  const holder = (bridge: Bridge, { spec: { publicKey } }: Client): string => `${bridge.metadata.uid}/${publicKey}`;
  const revokeEnded = (): void => {
    if (!synced || grants.size === 0) return;
    const held = new Set([...bridges.values()].flatMap((bridge) => {
      const owner = client(bridge.spec.client);
      return owner !== undefined && mayServe(bridge, owner) ? [`${bridgeKey(bridge)} ${holder(bridge, owner)}`] : [];
    }));
    if (grants.keepOnly((bridge, owner) => held.has(`${bridge} ${owner}`))) files.set(grants.list()).catch(onError('files'));
  };
  const wayToFiles = async (namespace: string, name: string): Promise<{ ticket: FilesTicket | FilesElsewhere; publicKey: string } | 'unknown' | 'not-yet'> => {
    const known = candidatesOf(namespace, name);
    if (known === undefined) return 'unknown';
    const { bridge, owner, candidates } = known;
    const { publicKey } = owner.spec;
    if (candidates.length === 0) return { ticket: { v: 1, elsewhere: agentsOf(bridge) }, publicKey };
    processes.refresh();
    for (const pod of candidates) {
      const { name: podName, namespace: podNamespace = '', uid = '' } = pod.metadata;
      const found = containerFiles(pod, bridge.spec.target.container, processes.ofPod(uid));
      if (found === undefined) continue;
      const { seed } = grants.grant(bridgeKey(bridge), holder(bridge, owner), found.target);
      await files.set(grants.list());
      log('files', { bridge: bridgeKey(bridge), pod: podName, client: owner.metadata.name });
      return { ticket: { v: 1, pod: { name: podName, namespace: podNamespace, uid }, volumes: found.volumes, port: ports.files, hostKey: files.hostKey, key: seed, agents: agentsOf(bridge) }, publicKey };
    }
    return 'not-yet';
  };

  await answerProbes(directory, watching.signal, onError('answer probes'));
  await serveHealth({ ailment: () => (synced ? undefined : 'the API server has not answered yet'), signal });
  await serveIdentities({
    port: ports.agent, signal, onError: onError('identity'),
    files: wayToFiles,
    counters: async (namespace, name) => {
      const { bridge, publicKey } = served(namespace, name) ?? {};
      if (bridge === undefined || publicKey === undefined) return undefined;
      const counters = await agent.countersOf(bridge);
      return counters === undefined ? undefined : { epoch: instance, counters, publicKey };
    },
    rules: async (namespace, name) => {
      const { bridge, publicKey } = served(namespace, name) ?? {};
      if (bridge === undefined || publicKey === undefined) return undefined;
      const found = await agent.checkRules(bridge);
      return found === undefined ? undefined : { pods: found, publicKey };
    },
    tapped: async (namespace, name, after) => {
      const { bridge, publicKey } = served(namespace, name) ?? {};
      if (bridge === undefined || publicKey === undefined || (bridge.spec.mode !== 'tap' && bridge.spec.diff !== true)) return undefined;
      return { answer: await agent.tapped(bridgeKey(bridge), after), publicKey };
    },
    lookUp: (namespace, name) => {
      const { bridge, owner, candidates = [] } = candidatesOf(namespace, name) ?? {};
      if (bridge === undefined || owner === undefined || candidates.length === 0) return 'unknown';
      processes.refresh();
      for (const pod of candidates) {
        const { uid = '' } = pod.metadata;
        const identity = collectIdentity(pod, bridge.spec.target.container, processes.ofPod(uid), agent.addressesOf(pod));
        if (identity !== undefined) {
          log('identity', { bridge: bridgeKey(bridge), pod: pod.metadata.name, client: owner.metadata.name });
          return { identity, publicKey: owner.spec.publicKey };
        }
      }
      return 'not-yet';
    },
  });
  await Promise.all([pods.synced, bridges.synced, clients.synced]);
  synced = true;
  agent.trigger();
  log('ready', { node, instance });
  const tidied = removeLeftovers(instance, nodePid, (device) => agent.wantsTunnel(device), log);
  await stopped(signal);
  files.stop();
  await agent.stop(stopGraceMs);
  // Nobody may come after us.
  await tidied;
  watching.abort();
};
