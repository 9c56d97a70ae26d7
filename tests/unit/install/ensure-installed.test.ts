import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import type { Cluster } from '../../../cli/adapters/cluster/index.ts';
import { BridgeError } from '../../../cli/errors.ts';
import type { Host } from '../../../cli/host.ts';
import { ensureInstalled } from '../../../cli/install/ensure-installed.ts';
import { version } from '../../../cli/version.ts';

const [major = 0, minor = 0] = version.split('.').map(Number);

function cluster(installed: string | undefined | BridgeError): Cluster {
  return {
    context: { name: 'dev', server: 'https://dev' },
    whoAmI: async () => ({ username: 'ann', groups: [] }),
    find: async () => {
      if (installed instanceof BridgeError) throw installed;
      return installed === undefined ? undefined : { data: { version: installed, stowawayImage: 'x' } };
    },
  } as unknown as Cluster;
}

function host(answer?: string) {
  const terminal = answer !== undefined;
  const stdin = Object.assign(new PassThrough(), { isTTY: terminal });
  const stderr = Object.assign(new PassThrough(), { isTTY: terminal });
  let said = '';
  let answered = false;
  stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (answered || answer === undefined || !said.includes('[y/N]')) return;
    answered = true;
    stdin.write(`${answer}\n`);
  });
  const fake = { env: { TERM: 'xterm' }, stdin, stderr, stdout: Object.assign(new PassThrough(), { isTTY: terminal }) } as unknown as Host;
  return { fake, said: () => said };
}

async function ensure(installed: string | undefined | BridgeError, options: { answer?: string; yes?: boolean } = {}) {
  let installs = 0;
  let released = 0;
  const { fake, said } = host(options.answer);
  const outcome = await ensureInstalled({
    cluster: cluster(installed), host: fake, yes: options.yes === true, install: async () => { installs++; },
    reporter: { emit: () => undefined, release: async () => { released++; } },
  }).catch((error: unknown) => (error as BridgeError).facts);
  return { outcome, installs, said: said(), released };
}

describe('the cluster side is needed', () => {
  test('there and fitting: nothing is asked or installed', async () => {
    expect(await ensure(version)).toMatchObject({ outcome: version, installs: 0, said: '' });
    expect(await ensure(`${major}.${minor}.999`, { answer: 'y' })).toMatchObject({ outcome: `${major}.${minor}.999`, installs: 0, said: '' });
  });

  test('missing, without a terminal: the error names the command', async () => {
    expect(await ensure(undefined)).toMatchObject({ outcome: { code: 'not-installed', kind: 'environment', next: 'bridge install' }, installs: 0 });
  });

  test('missing, with --yes: installed unasked', async () => {
    expect(await ensure(undefined, { yes: true })).toMatchObject({ outcome: version, installs: 1, said: '' });
  });

  test('missing, at a terminal: asked, with the context in the question; the live drawing makes way', async () => {
    const asked = await ensure(undefined, { answer: 'yes' });
    expect(asked).toMatchObject({ outcome: version, installs: 1, released: 1 });
    expect(asked.said).toContain('dev (https://dev)');
  });

  test.each(['n', '', 'of course'])('answered with "%s": nothing is installed', async (answer) => {
    expect(await ensure(undefined, { answer })).toMatchObject({ outcome: { code: 'declined', kind: 'refused' }, installs: 0 });
  });

  test('older: an upgrade concerns everybody, so it is asked for', async () => {
    expect(await ensure('0.0.9')).toMatchObject({ outcome: { code: 'cluster-too-old', next: 'bridge install' }, installs: 0 });
    const asked = await ensure('0.0.9', { answer: 'y' });
    expect(asked).toMatchObject({ outcome: version, installs: 1 });
    expect(asked.said).toContain('0.0.9');
  });

  test('newer: this program is to be upgraded, whatever was answered', async () => {
    expect(await ensure(`${major + 1}.0.0`, { yes: true })).toMatchObject({ outcome: { code: 'cli-too-old', next: `npm install --global podbridge@${major + 1}.0.0` }, installs: 0 });
  });

  test('no right to look: whom to ask for what', async () => {
    const forbidden = new BridgeError({ kind: 'refused', code: 'cluster-forbidden', what: 'you may not get configmaps' });
    expect(await ensure(forbidden, { yes: true })).toMatchObject({ outcome: { code: 'not-allowed', kind: 'refused', next: expect.stringContaining('--user=ann') as unknown }, installs: 0 });
  });
});
