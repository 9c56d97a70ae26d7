/** A cluster whose policies forbid what agents need: installing explains it, bridges fail at once with the policy's words, and work as soon as it is allowed. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { labels, systemNamespace } from '../../protocol/names.ts';
import { resourceFor, resources } from '../../cli/adapters/cluster/index.ts';
import type { Installation } from '../../cli/install/install.ts';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { until } from '../support/wait.ts';
import { deployment, service, type Manifest } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-forbidden-agents';
const policyName = 'podbridge-test-no-host-pid';
const words = 'this company forbids hostPID';
/** A policy counts a moment after it was written. */
const inForceLimitMs = 30_000;
let suite: Suite;

/** As the policies of many companies: no pod shares the node's processes. */
const policy: Manifest[] = [
  {
    apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: policyName },
    spec: {
      failurePolicy: 'Fail', matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }] },
      validations: [{ expression: '!has(object.spec.hostPID) || object.spec.hostPID == false', message: words, reason: 'Forbidden' }],
    },
  },
  { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding', metadata: { name: policyName }, spec: { policyName, validationActions: ['Deny'] } },
];

async function allow(): Promise<void> {
  for (const manifest of policy.toReversed()) await suite.kube.delete(resourceFor(manifest)!, manifest.metadata.name);
}
const install = async (): Promise<Installation & { stderr: string }> => {
  const { stdout, stderr } = await bridgeOk(['install', '--yes', '-o', 'json'], suite.admin);
  return { ...JSON.parse(stdout) as Installation, stderr };
};
const run = ['run', '-d', '-o', 'json', '--name', 'e2e-forbidden', '--target', 'deploy/web', '--port', 'http'];

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image }), service({ name: 'web', namespace })]);
}, setUpLimitMs);
afterAll(async () => {
  if (suite === undefined) return;
  await allow();
  await suite.end();
});

test('install, the bridge and bridge run say why, with the policy\'s own words; once it is allowed, all goes well', async () => {
  expect((await install()).agentsForbidden).toBe(null);
  for (const manifest of policy) await suite.kube.apply(manifest, { fieldManager: 'podbridge-test' });
  const told = await until('the policy is in force', async () => {
    const said = await install();
    return said.agentsForbidden === null ? undefined : said;
  }, inForceLimitMs);
  expect(told.agentsForbidden).toContain(words);
  expect(told.stderr).toMatch(/agents-forbidden.*docs\/security\.md/s);

  const examined = await bridge(['doctor', '-o', 'json', '-n', namespace], suite.admin);
  expect(examined.exitCode).toBe(3);
  expect(JSON.parse(examined.stdout)).toMatchObject({ findings: expect.arrayContaining([expect.objectContaining({ code: 'agents-forbidden', severity: 'error', why: expect.stringContaining(words), fix: expect.stringContaining(systemNamespace) })]) });

  // Agents of earlier bridges stay: a policy is about new pods.
  const { items: agents } = await suite.kube.list(resources.Pod, { namespace: systemNamespace, labelSelector: `${labels.component}=agent` });
  for (const { metadata } of agents) await suite.kube.request('DELETE', `/api/v1/namespaces/${systemNamespace}/pods/${metadata.name}?gracePeriodSeconds=0`);
  const refused = await suite.bridge([...run, '--image', suite.image]);
  const { error } = JSON.parse(refused.stdout) as { error: { code: string; why: string } };
  expect([refused.exitCode, error.code]).toEqual([3, 'bridge-failed']);
  expect(error.why).toMatch(new RegExp(`forbids podbridge's agent on .*${words}.*bridge-system`));
  expect((await bridge(['list', '-o', 'json', '-n', namespace], suite.user)).stdout).not.toContain('e2e-forbidden');

  await allow();
  await until('a bridge', async () => ((await suite.bridge([...run, '--image', suite.image])).exitCode === 0 ? true : undefined), inForceLimitMs);
  await suite.stop('e2e-forbidden');
});
