/** Each bridge: are its rules in the kernels of its pods, does the container answer, does any request match. */
import { refOfObject } from '../../../protocol/heartbeat.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { describeRule } from '../../../protocol/rule.ts';
import { systemNamespace } from '../../../protocol/names.ts';
import type { Docker } from '../../adapters/docker/index.ts';
import { factsOf } from '../../ui/error-text.ts';
import { timing } from '../../timing.ts';
import type { StatusBridge } from '../../status/snapshot.ts';
import type { Check, DoctorContext } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

/** Requests that went elsewhere until it is worth a word that none has matched. */
const manyRequests = 20;

const nameOf = ({ metadata }: Bridge): string => `${metadata.namespace}/${metadata.name}`;

function phaseFindings(bridge: StatusBridge): Finding[] {
  const name = `${bridge.namespace}/${bridge.name}`;
  if (bridge.phase === 'Failed') return [{ code: 'bridge-failed', severity: 'error', what: `bridge ${name} cannot work: ${bridge.message}`, why: bridge.reason, fix: `bridge stop ${bridge.name} -n ${bridge.namespace}` }];
  if (bridge.phase === 'Suspended') return [{ code: 'bridge-suspended', severity: 'error', what: `bridge ${name} is suspended: ${bridge.message}`, why: bridge.reason, fix: 'see the findings on link and cluster' }];
  if (bridge.desiredPods === 0) return [{ code: 'bridge-no-pods', severity: 'warning', what: `bridge ${name} has no pods: ${bridge.message}`, why: 'the target is scaled to zero, or its pods do not start' }];
  return bridge.pods.filter(({ ready }) => !ready).map(({ name: pod, node, message }) => ({ code: 'pod-not-attached', severity: 'error', what: `bridge ${name}: pod ${pod} on ${node} is not attached`, ...(message === null ? {} : { why: message }), fix: `kubectl -n ${systemNamespace} logs -l app.kubernetes.io/component=agent --tail 50` }));
}

async function ruleFindings(bridge: Bridge, { control: open }: DoctorContext): Promise<Finding[]> {
  const control = await open();
  const name = nameOf(bridge);
  if (control === undefined || bridge.spec.ports.length === 0 || bridge.spec.state === 'Draining') return [];
  const claimed = new Set((bridge.status?.pods ?? []).filter(({ ready }) => ready).map((pod) => pod.name));
  const agents = [...new Set((bridge.status?.pods ?? []).flatMap(({ agent }) => (agent === '' ? [] : [agent])))];
  const answers = await Promise.all(agents.map(async (agent): Promise<Finding[]> => {
    try {
      const { pods } = await control.call('rules', { agent, bridge: refOfObject(bridge) }, timing.doctorMeasureTimeoutMs);
      return pods.filter(({ pod }) => claimed.has(pod)).flatMap(({ pod, entered, ports }): Finding[] => {
        const restart = `kubectl -n ${systemNamespace} delete pod -l app.kubernetes.io/component=agent`;
        if (!entered) return [{ code: 'rules-missing', severity: 'error', what: `bridge ${name}: its agent is not in the network of pod ${pod}, though the status says so`, why: 'the pod was replaced, or the agent was', fix: restart }];
        return ports.flatMap(({ port, protocol, rule, listener }): Finding[] => {
          if (!rule) return [{ code: 'rules-missing', severity: 'error', what: `bridge ${name}: pod ${pod} has no rule for port ${port}/${protocol}, though the status says that it is attached`, why: 'something else in the pod or on the node has removed it; its requests go to the original', fix: restart }];
          return listener === false ? [{ code: 'listener-missing', severity: 'error', what: `bridge ${name}: nobody listens for port ${port} of pod ${pod}`, why: 'the agent\'s HAProxy does not run; requests go to the original', fix: restart }] : [];
        });
      });
    } catch (error) {
      return [{ code: 'agent-unreachable', severity: 'error', what: `bridge ${name}: the agent at ${agent} does not answer over the link`, why: factsOf(error).why ?? factsOf(error).what, fix: `kubectl -n ${systemNamespace} get pods -o wide` }];
    }
  }));
  const findings = answers.flat();
  return findings.length > 0 || agents.length === 0 ? findings : [ok('rules-present', `bridge ${name}: its rules are in the kernel of ${claimed.size} pod${claimed.size === 1 ? '' : 's'}`)];
}

/** Addresses that listen on a port, from /proc/net/tcp of the container (proc(5)): `loopback`, or `any` for everything else. */
export function listensAt(procNetTcp: string, port: number): 'any' | 'loopback' | 'none' {
  const found = procNetTcp.split('\n').flatMap((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address = '', hex = ''] = (local ?? '').split(':');
    return state === '0A' && parseInt(hex, 16) === port ? [address] : [];
  });
  if (found.length === 0) return 'none';
  return found.every((address) => /^0100007F$|^0{24}01000000$|^0{16}FFFF00000100007F$/.test(address)) ? 'loopback' : 'any';
}

async function appFindings(bridge: StatusBridge, docker: Docker): Promise<Finding[]> {
  const name = `${bridge.namespace}/${bridge.name}`;
  if (bridge.ports.length === 0 || bridge.container === null) return [];
  const container = await docker.containers.find(bridge.container);
  if (container === undefined) return [];
  if (!container.running) {
    return [{ code: 'app-not-running', severity: 'error', what: `bridge ${name}: its container ${container.name} does not run (${container.state}, exit code ${container.exitCode})`, why: container.outOfMemory ? 'it ran out of memory' : 'its program ended', fix: `bridge logs ${bridge.name} -n ${bridge.namespace}` }];
  }
  if (bridge.serving !== false) return bridge.serving === true ? [ok('app-answers', `bridge ${name}: its container answers`)] : [];
  const tables = await docker.containers.exec(container.id, ['cat', '/proc/net/tcp', '/proc/net/tcp6']).then(({ stdout }) => stdout, () => '');
  const local = [...new Set(bridge.ports.filter(({ protocol }) => protocol === 'TCP').map((port) => port.local))];
  const places = local.map((port) => listensAt(tables, port));
  if (places.includes('loopback')) {
    return [{ code: 'app-on-loopback', severity: 'error', what: `bridge ${name}: the program listens on 127.0.0.1 only (port ${local.join(', ')})`, why: 'requests come from outside the container, so nobody takes them; they go to the pods', fix: 'make it listen on 0.0.0.0 (often an option --host, or a variable HOST)' }];
  }
  return [{ code: 'app-not-listening', severity: 'error', what: `bridge ${name}: nothing listens on port ${local.join(', ')} of the container`, why: 'the program is still starting, or it listens on another port; requests go to the pods', fix: 'give its port with --port POD:CONTAINER, and look into: bridge logs ' + bridge.name }];
}

function markFindings(bridge: StatusBridge): Finding[] {
  const { requests, rules } = bridge;
  if (rules.length === 0 || requests === null) return [];
  if (requests.local > 0) return [ok('mark-arrives', `bridge ${bridge.namespace}/${bridge.name}: ${requests.local === 1 ? '1 request has' : `${requests.local} requests have`} matched`)];
  if (requests.original < manyRequests) return [];
  return [{
    code: 'no-request-matched', severity: 'info', what: `bridge ${bridge.namespace}/${bridge.name}: ${requests.original === 1 ? 'the one request so far did not match' : `none of ${requests.original} requests matched`} (${rules.map(describeRule).join(', or ')})`,
    why: 'nobody has sent one (probes are among those counted), or a service on the way does not pass the header on', ...(bridge.curl === null ? {} : { fix: `${bridge.curl}...` }),
  }];
}

export const bridgesCheck: Check = {
  id: 'bridges', area: 'bridges', title: 'Bridges',
  async run(context) {
    const [docker, status, objects] = await Promise.all([context.docker(), context.status(), context.bridges()]);
    const perBridge = await Promise.all(status.bridges.map(async (bridge) => {
      const object = objects.find(({ metadata }) => metadata.namespace === bridge.namespace && metadata.name === bridge.name);
      return [...phaseFindings(bridge), ...(object === undefined || status.link.state !== 'up' ? [] : await ruleFindings(object, context)), ...await appFindings(bridge, docker), ...markFindings(bridge)];
    }));
    return perBridge.flat();
  },
};
