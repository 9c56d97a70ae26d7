import { readFile } from 'node:fs/promises';
import { labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import { serveHealth } from '../health.ts';
import { isNotFound, resources, whileLeader, type KubeObject } from '../kube/index.ts';
import { words } from '../log.ts';
import { parseDuration } from '../duration.ts';
import { required, stopped, type Role, type RoleContext } from '../role.ts';
import { dnsFrom } from './cluster-facts.ts';
import { Controller } from './controller.ts';
import { ensurePool } from './pool-config.ts';
import { readServiceCidrs } from './service-cidrs.ts';

const serviceCidrIntervalMs = 600_000;
const defaultAgentIdleMs = 60_000;

export const runController: Role = async (context) => {
  const { kube, env, log, signal } = context;
  let ailment: string | undefined = 'starting';
  await serveHealth({ ailment: () => ailment, signal });
  // Whoever waits for the lease is as healthy as who holds it.
  ailment = undefined;
  await whileLeader(kube, {
    namespace: systemNamespace, name: names.controllerLease, identity: required(env, 'POD_NAME'), labels: { [labels.managedBy]: managedBy }, signal,
    isDead: async (pod) => await isGone(kube, pod),
    onError: (error) => log('failed', { what: 'hold the lease', message: words(error) }),
  }, async (leading) => await lead(context, leading));
  if (!signal.aborted) throw new Error(`lost the lease ${names.controllerLease}`);
};

/** A holder's identity is its pod's name, and no two pods of a Deployment ever have the same. */
async function isGone(kube: RoleContext['kube'], pod: string): Promise<boolean> {
  try {
    await kube.get(resources.pods, { namespace: systemNamespace, name: pod });
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

async function lead({ kube, env, log, cpuUs }: RoleContext, signal: AbortSignal): Promise<void> {
  log('leading');
  let serviceCidrs = await readServiceCidrs(kube);
  const refresh = setInterval(() => {
    readServiceCidrs(kube).then((cidrs) => { serviceCidrs = cidrs; }, (error: unknown) => log('failed', { what: 'read the Service ranges', message: words(error) }));
  }, serviceCidrIntervalMs);
  const deployment = await kube.get<KubeObject>(resources.deployments, { namespace: systemNamespace, name: names.controller });
  const controller = new Controller({
    kube, cpuUs,
    agent: {
      image: required(env, 'STOWAWAY_IMAGE'),
      version: required(env, 'PODBRIDGE_VERSION'),
      priorityClassName: env['PODBRIDGE_PRIORITY_CLASS'],
      owner: { name: names.controller, uid: deployment.metadata.uid ?? '' },
    },
    agentIdleMs: (env['PODBRIDGE_AGENT_IDLE'] === undefined ? undefined : parseDuration(env['PODBRIDGE_AGENT_IDLE'])) ?? defaultAgentIdleMs,
    dns: dnsFrom(await readFile('/etc/resolv.conf', 'utf8'), systemNamespace),
    serviceCidrs: () => serviceCidrs,
    apiService: required(env, 'KUBERNETES_SERVICE_HOST'),
    podAddress: required(env, 'POD_IP'),
    pool: (ranges) => ensurePool(kube, ranges),
    log, signal,
  });
  await controller.start();
  log('ready');
  await stopped(signal);
  clearInterval(refresh);
}
