/** The provider as Compose speaks with it: lines of JSON, and nothing else on standard output. */
import { describe, expect, test } from '@jest/globals';
import { asComposeProvider, isProviderCall } from '../../../cli/compose-provider.ts';
import { providerReporter, providerVariables } from '../../../cli/compose/provider.ts';
import type { Identity } from '../../../protocol/identity.ts';
import { fakeHost } from '../cli/fake-host.ts';

test.each([[['compose', 'metadata'], true], [['compose', '--project-name=shop', 'up', 'cluster'], true], [['compose', 'up', '-d'], false], [['run'], false]])('%j is Compose\'s way to call: %s', (argv, is) => expect(isProviderCall(argv)).toBe(is));

async function call(...argv: string[]): Promise<{ exitCode: number; lines: Record<string, unknown>[] }> {
  const host = { ...fakeHost(), argv };
  const exitCode = await asComposeProvider(host);
  return { exitCode, lines: host.out().split('\n').filter(Boolean).map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('metadata names the options that may stand in a compose file', async () => {
  const { exitCode, lines: [metadata] } = await call('compose', 'metadata');
  const { up, down } = metadata as { up: { parameters: { name: string }[] }; down: { parameters: { name: string }[] } };
  expect(exitCode).toBe(0);
  expect(up.parameters).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'target', type: 'string', required: false }), expect.objectContaining({ name: 'mode', enum: 'steal,mirror', default: 'steal' }), expect.objectContaining({ name: 'take-over', type: 'boolean' })]));
  expect(up.parameters.map(({ name }) => name)).not.toEqual(expect.arrayContaining(['image']));
  expect(down.parameters.map(({ name }) => name).sort()).toEqual(['context', 'kubeconfig']);
});

describe('what fails is one error, with its reason', () => {
  test.each([[['up', '--image=x', 'cluster'], /unknown option/], [['up', '--mode=no', 'cluster'], /must be one of/], [['up'], /missing required argument/]])('%j', async (words, message) => {
    expect(await call('compose', '--project-name=shop', ...words)).toEqual({ exitCode: 1, lines: [{ type: 'error', message: expect.stringMatching(message) }] });
  });
});

test('steps are infos, what they wait for is for debugging', () => {
  const host = fakeHost();
  const reporter = providerReporter(host);
  reporter.emit({ type: 'step-started', id: 'a', title: 'Connect', at: 0 });
  reporter.emit({ type: 'step-waiting', id: 'a', waitingFor: 'the hub', at: 0 });
  reporter.emit({ type: 'step-done', id: 'a', title: 'Connect', elapsedMs: 1, at: 1 });
  expect(host.out().trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([{ type: 'info', message: 'Connect' }, { type: 'debug', message: 'the hub' }]);
});

test('variables of the pod, without those of its image and place', () => {
  const identity = { env: [['COLOR', 'green'], ['PATH', '/bin'], ['OTEL_X', '1'], ['LINES', 'a\nb']] } as unknown as Identity;
  expect(providerVariables(identity, { only: [], except: ['OTEL_*'] })).toEqual(['COLOR=green', 'LINES=a\nb']);
  expect(providerVariables(undefined, undefined)).toEqual([]);
});
