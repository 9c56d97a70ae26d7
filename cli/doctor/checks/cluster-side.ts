/** The API server answers, is new enough, and podbridge's own parts run there. */
import { systemNamespace } from '../../../protocol/names.ts';
import { resources } from '../../adapters/cluster/index.ts';
import { isImageTrouble, podTrouble, type Pod } from '../../install/pod-trouble.ts';
import { compareVersions, findInstalled } from '../../install/version.ts';
import { policyFrom, policyWords } from '../../install/policy.ts';
import { isBridgeError } from '../../errors.ts';
import { factsOf } from '../../ui/error-text.ts';
import { version } from '../../version.ts';
import type { Check, DoctorContext } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

const oldestMinor = 30;

function fromError(error: unknown): Finding {
  const { code, what, why, next } = factsOf(error);
  return { code, severity: 'error', what, ...(why === undefined ? {} : { why }), ...(next === undefined ? {} : { fix: next }) };
}

export const versionCheck: Check = {
  id: 'cluster-version', area: 'cluster', title: 'API server',
  async run({ cluster: connect }) {
    try {
      const cluster = await connect();
      const kubernetes = await cluster.serverVersion();
      const minor = Number(/^v1\.(\d+)/.exec(kubernetes)?.[1] ?? '0');
      const { username } = await cluster.whoAmI();
      return [minor >= oldestMinor ? ok('cluster-answers', `Kubernetes ${kubernetes} answers (context ${cluster.context.name}, as ${username})`) : {
        code: 'kubernetes-too-old', severity: 'error', what: `Kubernetes ${kubernetes} is too old`, why: `admission policies, which podbridge is protected by, are there from 1.${oldestMinor} on`, fix: 'upgrade the cluster, or choose another with --context',
      }];
    } catch (error) {
      return [fromError(error)];
    }
  },
};

async function versions({ cluster: connect }: DoctorContext): Promise<Finding[]> {
  const cluster = await connect();
  const installed = await findInstalled(cluster);
  if (installed === undefined) return [{ code: 'not-installed', severity: 'error', what: `podbridge is not installed in the cluster of context ${cluster.context.name}`, fix: 'bridge install' }];
  const fit = compareVersions(version, installed.version);
  if (fit === 'cluster-newer') return [{ code: 'cli-too-old', severity: 'error', what: `the cluster has podbridge ${installed.version}, this is ${version}`, fix: `npm install --global podbridge@${installed.version}` }];
  if (fit === 'cluster-older') return [{ code: 'cluster-too-old', severity: 'error', what: `podbridge ${installed.version} in the cluster is too old for this program (${version})`, fix: 'bridge install' }];
  const limits = policyWords(await policyFrom(installed.policy));
  return [ok('installed', `podbridge ${installed.version} is installed`), ...(limits === undefined ? [] : [ok('policy', `this cluster's policy: ${limits}`)])];
}

async function pods({ cluster: connect }: DoctorContext): Promise<Finding[]> {
  const cluster = await connect();
  const { items } = await cluster.list<Pod>(resources.Pod, { namespace: systemNamespace });
  const component = (pod: Pod) => pod.metadata.labels?.['app.kubernetes.io/component'] ?? 'pod';
  const findings = items.flatMap((pod): Finding[] => {
    const trouble = podTrouble(pod);
    if (trouble === undefined || (!trouble.hopeless && trouble.reason === 'Starting')) return [];
    const image = isImageTrouble(trouble);
    return [{
      code: image ? 'image-not-pullable' : 'cluster-side-pod', severity: 'error', what: `${component(pod)} does not run: ${trouble.words}`, why: image ? 'the node cannot pull the image that was installed' : 'Kubernetes says so',
      fix: image ? 'bridge install --registry REGISTRY, with one that the nodes can pull from' : `${cluster.context.kubectl} -n ${systemNamespace} describe pod ${pod.metadata.name}`,
    }];
  });
  for (const wanted of ['hub', 'controller']) {
    if (!items.some((pod) => component(pod) === wanted)) findings.push({ code: 'cluster-side-pod', severity: 'error', what: `there is no ${wanted} pod in ${systemNamespace}`, why: 'it was scaled down or removed, or an admission policy refuses it', fix: 'bridge install' });
  }
  return findings.length > 0 ? findings : [ok('cluster-side-runs', `hub, controller and ${items.filter((pod) => component(pod) === 'agent').length} agents run`)];
}

export const clusterSideCheck: Check = {
  id: 'cluster-side', area: 'cluster', title: 'Cluster side',
  async run(context) {
    try {
      const findings = await versions(context);
      return findings.some(({ code }) => code === 'not-installed') ? findings : [...findings, ...await pods(context)];
    } catch (error) {
      // What is about the cluster as a whole is told by the check above.
      if (isBridgeError(error) && error.facts.code === 'not-allowed') return [fromError(error)];
      throw error;
    }
  },
};
