import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../../cli/main.ts';
import { manifests, type Manifest } from '../../../cli/install/manifests/index.ts';
import { policyData, policyFrom, policyWords, type InstallPolicy } from '../../../cli/install/policy.ts';
import { namespacePolicyName, refusedPolicy } from '../../../protocol/policy.ts';
import { fakeHost } from '../cli/fake-host.ts';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'podbridge-policy-')); });
afterAll(() => rm(folder, { recursive: true }));

const whole: InstallPolicy = { requireRule: true, forbiddenTargets: ['deploy/db', 'sts/*', 'monitoring/*/*'], maxLifetime: '8h', allowedModes: ['mirror', 'tap'], contact: 'the "platform" team\n' };
const validations = (policy?: InstallPolicy): { expression: string; messageExpression: string }[] => (manifests({ version: '1.2.3', stowawayImage: 'i:1', ...(policy === undefined ? {} : { policy }) })
  .find(({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === namespacePolicyName) as Manifest & { spec: { validations: { expression: string; messageExpression: string }[] } }).spec.validations;

test('the installation\'s limits stand beside those of the namespaces, and only those that are set', () => {
  expect(validations()).toHaveLength(4);
  expect(validations({})).toEqual(validations());
  expect(validations({ maxLifetime: '8h' })).toHaveLength(5);
  expect(validations(whole)).toHaveLength(8);
  expect(validations(whole).slice(4)).toEqual(validations());
  // What people write is a literal, whatever it holds.
  expect(validations(whole)[0]!.messageExpression).toContain(String.raw`" Ask the \"platform\" team\n."`);
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
  expect(refusedPolicy('max-lifetime of this cluster: bridges of this cluster need')).toEqual({ policy: 'max-lifetime', place: 'cluster', words: 'bridges of this cluster need' });
  expect(refusedPolicy('max-lifetime: bridges need')).toEqual({ policy: 'max-lifetime', place: 'namespace', words: 'bridges need' });
  expect(refusedPolicy('some-webhook: no')).toBeUndefined();
});

test.each([
  ['requireRule: yes please', 'requireRule is true or false'],
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
