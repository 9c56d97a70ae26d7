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
async function refusal(...args: string[]): Promise<{ exitCode: number | undefined; code: string; what: string; why: string; next: string }> {
  const run = await suite.bridge(['run', '-d', '-o', 'json', '--name', name, '--image', suite.image, ...args]);
  const { error } = JSON.parse(run.stdout) as { error: { code: string; what: string; why: string; next: string } };
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

test('long kinds and other separators count; a value that is not understood allows no bridge, and says whose it is', async () => {
  const { requireRule, forbiddenTargets, maxLifetime, allowedModes, contact } = policyAnnotations;
  const nothing = { [requireRule]: null, [forbiddenTargets]: null, [maxLifetime]: null, [allowedModes]: null, [contact]: '#platform' };
  const { username } = await suite.kube.whoAmI();
  const probe: Bridge = { apiVersion: groupVersion, kind: 'Bridge', metadata: { name: 'probe', namespace }, spec: { owner: username, client: 'none', target: { kind: 'Deployment', name: 'web', container: 'echo' }, ports: [{ port: 8080, protocol: 'TCP', local: 8080 }], mode: 'tap' } };
  const said = async (): Promise<string> => suite.kube.create(probe, undefined, { dryRun: true }).then(() => 'allowed', (error: { facts?: { why?: string } }) => error.facts?.why ?? 'no refusal of ours');
  const cases: [annotation: string, value: string, words: string][] = [
    ...['Deployment/web', 'deployments/web', 'deployments.apps/web', 'sts/x;deploy/web', 'sts/x deploy/web', 'sts/x,\ndeploy/*', `${namespace}/*/web`, '*'].map((value): [string, string, string] => [forbiddenTargets, value, 'forbidden-targets: deploy/web of namespace']),
    ...['deploy/db', 'elsewhere/deploy/web', 'deployments/db; sts/*'].map((value): [string, string, string] => [forbiddenTargets, value, 'allowed']),
    ...['', 'web', 'deploy/we*', 'deplyo/web', 'deploy/db,web'].map((value): [string, string, string] => [forbiddenTargets, value, `forbidden-targets (cannot be read): the annotation ${forbiddenTargets} of namespace ${namespace} is not understood`]),
    [requireRule, 'True', 'allowed'], [requireRule, 'yes', 'require-rule (cannot be read)'], [maxLifetime, 'banana', 'max-lifetime (cannot be read)'],
    [allowedModes, 'mirror tap', 'allowed'], [allowedModes, 'mirror;steal', 'mode tap is not allowed'], [allowedModes, 'tap,steel', 'allowed-modes (cannot be read)'],
  ];
  for (const [annotation, value, words] of cases) {
    await annotate({ ...nothing, [annotation]: value });
    // The API server hears of the annotation a moment later.
    let last = '';
    await until(`${annotation}=${value}: ${words}`, async () => (last = await said()).includes(words) || undefined, limitMs).catch((error: unknown) => { throw new Error(`${annotation}=${value}: ${last}`, { cause: error }); });
    if (words !== 'allowed') expect(last).toContain('Ask #platform.');
  }
  await annotate({ ...nothing, [forbiddenTargets]: 'web' });
  await until('the annotation', async () => (await said()).includes('cannot be read') || undefined, limitMs);
  expect(await refusal(...allowed)).toMatchObject({ exitCode: 4, code: 'policy-refused', what: `the policy forbidden-targets of namespace ${namespace} cannot be read, so it allows no bridge`, next: expect.stringContaining('platform team') });
  const { findings } = JSON.parse((await suite.bridge(['doctor', '-o', 'json'])).stdout) as { findings: FoundBy[] };
  expect(findings.find(({ code }) => code === 'policy-unreadable')).toMatchObject({ what: expect.stringContaining(`${forbiddenTargets}=web`) });
  await annotate({ [requireRule]: 'true', [forbiddenTargets]: 'Deployments/db; sts/*', [maxLifetime]: '1h', [allowedModes]: 'steal,tap' });
  await until('limits that are understood', async () => (await said()) === 'allowed' || undefined, limitMs);
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
    await writeFile(file, `requireRule: true\nforbiddenTargets: [StatefulSets/*, elsewhere/*/*, '${namespace}/deployments.apps/db']\nmaxLifetime: 1h\nallowedModes: [steal, tap]\ncontact: '#platform'\n`);
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
  // Install has proved it in force: nothing is waited for.
  for (const each of cases) await refused(...each);
  expect(await refusal(...allowed)).toMatchObject({ code: 'policy-refused', what: `the policy max-lifetime of namespace ${namespace} does not allow this bridge`, why: expect.stringContaining('at most 20m') });
  await suite.run(name, 'local', [...allowed.slice(0, -1), '10m']);
  await suite.stop(name);

  await bridgeOk(['install', '--yes'], suite.admin);
  await refused(...cases[2]!);
  const { findings } = JSON.parse((await suite.bridge(['doctor', '-o', 'json'])).stdout) as { findings: FoundBy[] };
  expect(findings.find(({ code }) => code === 'policy')?.what).toContain('a lifetime of at most 1h');

  await annotate({ [maxLifetime]: null });
  await bridgeOk(['install', '--yes', '--policy', 'none'], suite.admin);
  await suite.run(name, 'local', ['--target', 'deploy/db', '--port', 'http']);
  await suite.stop(name);
});
