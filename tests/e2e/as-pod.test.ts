/** `--as-pod` and `--limits`: the process in the container finds what the process in the pod finds. And the environment for programs outside. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { parse } from 'yaml';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { multiLine } from '../workloads/awkward.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-as-pod';
const name = 'e2e-as-pod';
let suite: Suite;

interface Seen {
  who: string; uid: number; gid: number; groups: number[]; directory: string; args: string[]; hostname: string;
  hosts: string[]; resolv: string[]; capabilities: string; noNewPrivileges: boolean; readOnlyRoot: boolean;
}

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [
    // Fit for the restricted Pod Security Standard; a static program, no shell, a read-only root.
    deployment({
      name: 'strict', namespace, image,
      env: [{ name: 'WORD', value: 'a b' }, { name: 'NOTE', value: multiLine }],
      container: {
        command: ['/echo'], args: ['serve', '$(WORD)', '$$(WORD)'], workingDir: '/proc',
        resources: { limits: { memory: '96Mi', cpu: '250m' } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 12345, runAsGroup: 23456, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } },
      },
      pod: {
        securityContext: { fsGroup: 3000, supplementalGroups: [4000], seccompProfile: { type: 'RuntimeDefault' } },
        hostAliases: [{ ip: '192.0.2.7', hostnames: ['legacy', 'legacy.corp'] }],
        dnsConfig: { options: [{ name: 'ndots', value: '2' }, { name: 'timeout', value: '3' }], searches: ['corp.example'] },
      },
    }),
    service({ name: 'strict', namespace }),
  ]);
}, setUpLimitMs);
afterAll(() => suite?.end());

async function seen(): Promise<Seen> {
  const { body } = await suite.prober.fetch(`http://${await suite.addressOf('strict')}/identity`);
  return JSON.parse(body) as Seen;
}

const words = (lines: string[], keyword: string): string[] => lines.filter((line) => line.startsWith(`${keyword} `)).flatMap((line) => line.split(/\s+/).slice(1));

describe('the container', () => {
  test('--as-pod: is the pod, in all that the process can see of itself', async () => {
    const pod = await seen();
    expect(pod).toMatchObject({ who: 'original', uid: 12345, gid: 23456, directory: '/proc', args: ['/echo', 'serve', 'a b', '$(WORD)'], noNewPrivileges: true, readOnlyRoot: true });
    expect(pod.groups).toEqual(expect.arrayContaining([3000, 4000]));
    await suite.run(name, 'local', ['--target', 'deploy/strict', '--port', 'http', '--as-pod']);
    const local = await seen();
    const { uid, gid, groups, directory, args, hostname, capabilities, noNewPrivileges, readOnlyRoot } = pod;
    expect(local).toMatchObject({ who: 'local', uid, gid, groups, directory, args, hostname, capabilities, noNewPrivileges, readOnlyRoot });
    expect(words(local.resolv, 'search')).toEqual(words(pod.resolv, 'search'));
    expect(words(local.resolv, 'options')).toEqual(expect.arrayContaining(words(pod.resolv, 'options')));
    const alias = (lines: string[]) => lines.filter((line) => line.startsWith('192.0.2.7')).flatMap((line) => line.split(/\s+/).slice(1)).sort();
    expect(alias(local.hosts)).toEqual(alias(pod.hosts));
    const { stdout } = await execa('docker', ['inspect', '--format', '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}', name]);
    expect(stdout).toBe(`${96 * 2 ** 20} 250000000`);
    await suite.stop(name);
  });

  test('--limits: the limits, and nothing else', async () => {
    await suite.run(name, 'local', ['--target', 'deploy/strict', '--port', 'http', '--limits']);
    const { uid, directory, readOnlyRoot } = await seen();
    expect({ uid, directory, readOnlyRoot }).toEqual({ uid: 65532, directory: '/', readOnlyRoot: false });
    const { stdout } = await execa('docker', ['inspect', '--format', '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}', name]);
    expect(stdout).toBe(`${96 * 2 ** 20} 250000000`);
    await suite.stop(name);
  });
});

describe('bridge env', () => {
  test('-o sh is read by a shell, -o dotenv by Node', async () => {
    const { stdout: sh } = await bridgeOk(['env', 'deploy/strict', '-n', namespace, '-o', 'sh'], suite.admin);
    expect((await execa('bash', ['-c', 'eval "$(cat)"; printenv NOTE'], { input: sh, stripFinalNewline: false })).stdout).toBe(`${multiLine}\n`);
    const { stdout: dotenv } = await bridgeOk(['env', 'deploy/strict', '-n', namespace, '-o', 'dotenv'], suite.admin);
    const { parseEnv } = await import('node:util');
    expect(parseEnv(dotenv)).toMatchObject({ NOTE: multiLine, WORD: 'a b' });
  });

  test('-o yaml and -o json say the same', async () => {
    const shown = async (form: string): Promise<string> => (await bridgeOk(['env', 'deploy/strict', '-n', namespace, '-o', form], suite.admin)).stdout;
    const [yaml, json] = [await shown('yaml'), await shown('json')];
    expect((parse(yaml) as { env: object }).env).toMatchObject({ NOTE: multiLine, WORD: 'a b' });
    expect(parse(yaml)).toEqual(JSON.parse(json));
  });

  test('-- COMMAND runs here with it, and its exit code is the answer', async () => {
    const { exitCode, stdout } = await bridge(['env', 'deploy/strict', '-n', namespace, '--', 'bash', '-c', 'printf "%s|%s" "$WORD" "$HOME"; exit 7'], suite.admin);
    expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: `a b|${process.env.HOME}` });
    const missing = await bridge(['env', 'deploy/strict', '-n', namespace, '--', 'no-such-program'], suite.admin);
    expect(missing.exitCode).toBe(127);
    expect(missing.stderr).toContain('no-such-program is not there');
  });
});
