import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../../cli/main.ts';
import type { Cluster } from '../../../cli/adapters/cluster/index.ts';
import { BridgeError } from '../../../cli/errors.ts';
import { waitForPolicies } from '../../../cli/install/established.ts';
import { limitsPolicy } from '../../../cli/install/manifests/limits.ts';
import { manifests, type Manifest } from '../../../cli/install/manifests/index.ts';
import { policyData, policyFrom, policyWords, type InstallPolicy } from '../../../cli/install/policy.ts';
import { forbiddenTarget, isReadable, namespacePolicyName, probedPolicy, refusedPolicy, type Limit } from '../../../protocol/policy.ts';
import { fakeCluster } from '../support/fake-cluster.ts';
import { fakeHost } from '../cli/fake-host.ts';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'podbridge-policy-')); });
afterAll(() => rm(folder, { recursive: true }));

const whole: InstallPolicy = { requireRule: true, forbiddenTargets: ['deploy/db', 'sts/*', 'monitoring/*/*'], maxLifetime: '8h', allowedModes: ['mirror', 'tap'], contact: 'the "platform" team\n' };
const validations = (policy?: InstallPolicy): { expression: string; messageExpression: string }[] => (manifests({ version: '1.2.3', stowawayImage: 'i:1', ...(policy === undefined ? {} : { policy }) })
  .find(({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === namespacePolicyName) as Manifest & { spec: { validations: { expression: string; messageExpression: string }[] } }).spec.validations;

test('the installation\'s limits stand beside those of the namespaces, and only those that are set', () => {
  expect(validations()).toHaveLength(5);
  expect(validations({})).toEqual(validations());
  expect(validations({ maxLifetime: '8h' })).toHaveLength(6);
  expect(validations(whole)).toHaveLength(9);
  expect(validations(whole).slice(5)).toEqual(validations().slice(1));
  // What people write is a literal, whatever it holds.
  expect(validations(whole)[1]!.messageExpression).toContain(String.raw`" Ask the \"platform\" team\n."`);
});

test('first stands what proves the limits in force: its mark is another for other limits', () => {
  const marks = [{}, { maxLifetime: '8h' }, { maxLifetime: '9h' }, whole].map((policy) => limitsPolicy(policy).mark);
  expect(new Set(marks).size).toBe(4);
  expect(validations(whole)[0]!.messageExpression).toContain(`'policy-probe ${marks[3]}: '`);
  expect(probedPolicy(`policy-probe ${marks[0]}: require-rule=true | forbidden-targets=a=b `)).toEqual({ mark: marks[0], annotated: [{ limit: 'require-rule', value: 'true' }, { limit: 'forbidden-targets', value: 'a=b ' }] });
  expect([probedPolicy(`policy-probe ${marks[0]}: `), probedPolicy('require-rule: no')]).toEqual([{ mark: marks[0], annotated: [] }, undefined]);
});

test('installing waits until those limits refuse, not others', async () => {
  const said = ['policy-probe 0abc: ', 'some other policy', 'policy-probe 1def: '];
  const cluster = Object.assign(fakeCluster(), {
    apply: async ({ metadata }: Manifest) => { throw new BridgeError({ kind: 'refused', code: 'cluster-denied', what: 'no', why: metadata.namespace === 'default' ? said.shift()! : 'its owner', next: '' }); },
  }) as unknown as Cluster;
  await waitForPolicies(cluster, '1def', () => 0);
  expect(said).toEqual([]);
});

test.each<[Limit, understood: string[], not: string[]]>([
  ['require-rule', ['true', 'False', ' true '], ['yes', '', '1']],
  ['forbidden-targets', ['deploy/db', 'Deployments/db;sts/*', 'deploy/db sts/*', 'shop/deployments.apps/db', '*', '*/*', 'ds/a.b'], ['', ' , ', 'web', 'deploy/we*', 'deploy/*b', 'deplyo/db', 'deployments.batch/db', 'deploy/a/', 'a/b/deploy/c']],
  ['max-lifetime', ['8h', '1h30m '], ['banana', '1d', '8', '']],
  ['allowed-modes', ['tap', 'Mirror, tap'], ['', 'steel', 'tap/steal']],
])('%s: what is understood, and what is not', (limit, understood, not) => {
  expect(understood.filter((value) => !isReadable(limit, value))).toEqual([]);
  expect(not.filter((value) => isReadable(limit, value))).toEqual([]);
});

test('targets get their short kinds', async () => {
  expect(['Deployments/DB', 'statefulset.apps/*', 'shop/pods/a', '*/*/x', '*', 'web'].map(forbiddenTarget)).toEqual(['deploy/db', 'sts/*', 'shop/pod/a', '*/*/x', '*', undefined]);
  expect(await policyFrom('{"forbiddenTargets":["deployment/orders"]}')).toEqual({ forbiddenTargets: ['deploy/orders'] });
});

test('it is kept with the installation, and one that cannot be read is not taken for none', async () => {
  expect(await policyFrom(policyData(whole).policy)).toEqual(whole);
  expect([policyData({}), await policyFrom(undefined)]).toEqual([{}, {}]);
  await expect(policyFrom('{"fromTheFuture":true}')).rejects.toMatchObject({ facts: { code: 'install-policy' } });
});

test('in words', () => {
  expect(policyWords({})).toBeUndefined();
  expect(policyWords({ requireRule: false, contact: '#platform' })).toBeUndefined();
  expect(policyWords({ ...whole, contact: '#platform' })).toBe('bridges need a rule; a lifetime of at most 8h; modes mirror, tap; not deploy/db, sts/*, monitoring/*/* (whom to ask: #platform)');
  expect(refusedPolicy('max-lifetime of this cluster: bridges of this cluster need')).toEqual({ policy: 'max-lifetime', place: 'cluster', readable: true, words: 'bridges of this cluster need' });
  expect(refusedPolicy('max-lifetime: bridges need')).toEqual({ policy: 'max-lifetime', place: 'namespace', readable: true, words: 'bridges need' });
  expect(refusedPolicy('max-lifetime (cannot be read): the annotation')).toEqual({ policy: 'max-lifetime', place: 'namespace', readable: false, words: 'the annotation' });
  expect(refusedPolicy('some-webhook: no')).toBeUndefined();
});

test.each([
  ['requireRule: yes please', 'requireRule is true or false'],
  ['forbiddenTargets: [deploy/we*]', 'forbiddenTargets.0 is written like deploy/db'],
  ['forbiddenTargets: [deplyo/web]', 'forbiddenTargets.0 is written like deploy/db'],
  ['forbiddenTargets: [db]', 'forbiddenTargets.0 is written like deploy/db'],
  ['maxLifetime: 8 hours', 'maxLifetime is a duration like 8h'],
  ['allowedModes: []', 'allowedModes names at least one'],
  ['allowedModes: [steel]', 'allowedModes.0 is one of steal, mirror, tap'],
  ['maxLivetime: 8h', 'there is no maxLivetime, but requireRule'],
  ['- a', 'it is a mapping'],
  ['a: [', ''],
])('a file with %j is refused', async (content, why) => {
  await writeFile(join(folder, 'bad.yaml'), content);
  const host = fakeHost();
  expect(await main(['install', '--dry-run', '--policy', join(folder, 'bad.yaml'), '-o', 'json'], host)).toBe(2);
  const { error } = JSON.parse(host.out()) as { error: { code: string; why: string } };
  expect(error).toMatchObject({ code: 'install-policy', why: expect.stringContaining(why) });
});

test('one that is not there is refused; none allows everything', async () => {
  const host = fakeHost();
  expect(await main(['install', '--dry-run', '--policy', join(folder, 'absent.yaml'), '-o', 'json'], host)).toBe(2);
  expect(JSON.parse(host.out())).toMatchObject({ error: { code: 'install-policy', what: expect.stringContaining('cannot be read') } });
});
