/** What the platform team allows in a namespace and in the cluster: refused by the API server, explained by the command; and what is allowed works. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { groupVersion } from '../../protocol/names.ts';
import type { Bridge } from '../../protocol/objects.ts';
import { policyAnnotations } from '../../protocol/policy.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import type { FoundBy } from '../../cli/doctor/finding.ts';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-policy';
const name = 'e2e-policy';
const limitMs = 60_000;
let suite: Suite;

const annotate = (annotations: Record<string, string | null>) => suite.kube.patch(resources.Namespace, namespace, { metadata: { annotations } });
const allowed = ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann', '--lifetime', '30m'];

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [...['web', 'db'].map((each) => deployment({ name: each, namespace, image })), service({ name: 'web', namespace })]);
  const { requireRule, forbiddenTargets, maxLifetime, allowedModes, contact } = policyAnnotations;
  await annotate({ [requireRule]: 'true', [forbiddenTargets]: 'deploy/db, sts/*', [maxLifetime]: '1h', [allowedModes]: 'steal,tap', [contact]: 'the platform team' });
}, setUpLimitMs);
afterAll(async () => {
  if (suite !== undefined) await bridge(['install', '--yes', '--policy', 'none'], suite.admin);
  await suite?.end();
});

/** Code, policy, whom to ask. */
async function refusal(...args: string[]): Promise<{ exitCode: number | undefined; code: string; what: string; why: string }> {
  const run = await suite.bridge(['run', '-d', '-o', 'json', '--name', name, '--image', suite.image, ...args]);
  const { error } = JSON.parse(run.stdout) as { error: { code: string; what: string; why: string } };
  return { exitCode: run.exitCode, ...error };
}

test('what is not allowed is refused, with the policy\'s name, what it wants and whom to ask', async () => {
  const cases: [policy: string, args: string[], words: string][] = [
    ['require-rule', ['--target', 'deploy/web', '--port', 'http', '--lifetime', '30m'], 'must choose their requests by a rule'],
    ['forbidden-targets', ['--target', 'deploy/db', '--port', 'http', '--mark', 'ann', '--lifetime', '30m'], 'deploy/db of namespace e2e-policy may not be bridged'],
    ['forbidden-targets', ['--target', 'svc/web', '--port', 'http', '--mark', 'ann', '--lifetime', '30m'], 'not as svc'],
    ['max-lifetime', ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann'], 'lifetime of at most 1h'],
    ['max-lifetime', ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann', '--lifetime', '61m'], 'lifetime of at most 1h'],
    ['allowed-modes', [...allowed, '--mode', 'mirror'], 'but: steal,tap'],
  ];
  for (const [policy, args, words] of cases) {
    const { exitCode, code, what, why } = await refusal(...args);
    expect({ exitCode, code, what }).toEqual({ exitCode: 4, code: 'policy-refused', what: `the policy ${policy} of namespace ${namespace} does not allow this bridge` });
    expect(why).toContain(words);
    expect(why).toContain('Ask the platform team.');
  }
  expect((await suite.kube.list(resources.Bridge, { namespace })).items).toEqual([]);
});

test('nor by whoever makes the object himself, be he an administrator', async () => {
  const { username } = await suite.kube.whoAmI();
  const forged: Bridge = { apiVersion: groupVersion, kind: 'Bridge', metadata: { name: 'forged', namespace }, spec: { owner: username, client: 'none', target: { kind: 'Deployment', name: 'web', container: 'echo' }, ports: [{ port: 8080, protocol: 'TCP', local: 8080 }], lifetime: '1m' } };
  await expect(suite.kube.create(forged)).rejects.toMatchObject({ facts: { code: 'cluster-denied', why: expect.stringContaining('require-rule') } });
});

test('what is allowed works, can be ended when the rules have become stricter, and ends with its lifetime', async () => {
  await suite.run(name, 'local', allowed);
  const address = await suite.addressOf('web');
  expect((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '10', '--header', 'baggage: bridge=ann')).byWho).toEqual({ local: 10 });
  expect((await suite.bridge(['env', 'deploy/web'])).exitCode).toBe(0);
  await annotate({ [policyAnnotations.forbiddenTargets]: '*' });
  await suite.stop(name);
  await annotate({ [policyAnnotations.forbiddenTargets]: null });

  await suite.run(name, 'local', [...allowed.slice(0, -1), '20s']);
  await until('the end of its lifetime', async () => (await suite.kube.find(resources.Bridge, name, namespace) === undefined ? true : undefined), limitMs);
  expect((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '10', '--header', 'baggage: bridge=ann')).byWho).toEqual({ original: 10 });
  // Whose bridge is gone, that container goes with the next command.
  await suite.bridge(['list']);
});

test('the installation says the same for the whole cluster; a namespace makes it narrower and not wider; it outlives an upgrade and can be lifted', async () => {
  const { requireRule, forbiddenTargets, maxLifetime, allowedModes, contact } = policyAnnotations;
  await annotate({ [requireRule]: 'false', [forbiddenTargets]: null, [maxLifetime]: '20m', [allowedModes]: 'steal,mirror,tap', [contact]: null });
  const folder = await mkdtemp(join(tmpdir(), 'podbridge-policy-'));
  const file = join(folder, 'policy.yaml');
  try {
    await writeFile(file, `requireRule: true\nforbiddenTargets: [sts/*, elsewhere/*/*, '${namespace}/deploy/db']\nmaxLifetime: 1h\nallowedModes: [steal, tap]\ncontact: '#platform'\n`);
    expect((await bridgeOk(['install', '--dry-run', '--policy', file], suite.admin)).stdout).toContain('max-lifetime of this cluster');
    expect((await bridgeOk(['install', '--yes', '--policy', file], suite.admin)).stdout).toContain('Policy of this cluster: bridges need a rule; a lifetime of at most 1h; modes steal, tap;');
  } finally {
    await rm(folder, { recursive: true });
  }
  const cases: [policy: string, args: string[], words: string][] = [
    ['require-rule', ['--target', 'deploy/web', '--port', 'http', '--lifetime', '10m'], 'bridges of this cluster must choose their requests by a rule'],
    ['forbidden-targets', ['--target', 'deploy/db', '--port', 'http', '--mark', 'ann', '--lifetime', '10m'], `deploy/db of namespace ${namespace} may not be bridged`],
    ['max-lifetime', ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann', '--lifetime', '61m'], 'lifetime of at most 1h'],
    ['allowed-modes', ['--target', 'deploy/web', '--port', 'http', '--mark', 'ann', '--lifetime', '10m', '--mode', 'mirror'], 'but: steal,tap'],
  ];
  const refused = async (policy: string, args: string[], words: string): Promise<void> => {
    const { exitCode, code, what, why } = await refusal(...args);
    expect({ exitCode, code, what }).toEqual({ exitCode: 4, code: 'policy-refused', what: `the policy ${policy} of this cluster does not allow this bridge` });
    expect(why).toContain(words);
    expect(why).toContain('Ask #platform.');
  };
  // The API server takes a moment to compile what was written.
  await until('the policy in force', async () => ((await suite.bridge(['run', '-d', '-o', 'json', '--name', name, '--image', suite.image, ...cases[0]![1]])).exitCode === 4 ? true : (await suite.bridge(['stop', name]), undefined)), limitMs);
  for (const each of cases) await refused(...each);
  expect(await refusal(...allowed)).toMatchObject({ code: 'policy-refused', what: `the policy max-lifetime of namespace ${namespace} does not allow this bridge`, why: expect.stringContaining('at most 20m') });
  await suite.run(name, 'local', [...allowed.slice(0, -1), '10m']);
  await suite.stop(name);

  await bridgeOk(['install', '--yes'], suite.admin);
  await refused(...cases[2]!);
  const { findings } = JSON.parse((await suite.bridge(['doctor', '-o', 'json'])).stdout) as { findings: FoundBy[] };
  expect(findings.find(({ code }) => code === 'policy')?.what).toContain('a lifetime of at most 1h');

  await bridgeOk(['install', '--yes', '--policy', 'none'], suite.admin);
  await annotate({ [maxLifetime]: null });
  await until('the policy lifted', async () => ((await suite.bridge(['run', '-d', '--name', name, '--image', suite.image, '--target', 'deploy/db', '--port', 'http'])).exitCode === 0 ? true : undefined), limitMs);
  await suite.stop(name);
});
