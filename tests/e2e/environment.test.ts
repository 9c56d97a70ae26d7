/** The environment of the container is that of the pod's process, exactly. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { ensureBusyboxImage, loadImages } from '../cluster/index.ts';
import { bridge, bridgeOk } from '../support/bridge-command.ts';
import { applyAll } from '../support/namespace.ts';
import { multiLine } from '../workloads/awkward.ts';
import { configMap, deployment, pod, secret, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-environment';
const name = 'e2e-environment';
let suite: Suite;
/** As the pod's process says itself. */
let original: Record<string, string>;

const fieldRef = (variable: string, fieldPath: string) => ({ name: variable, valueFrom: { fieldRef: { fieldPath } } });

/** Of these the image's own, or none, is right. */
const belongToTheImage = ['PATH', 'HOME', 'HOSTNAME'];

async function environmentOf(url: string): Promise<Record<string, string>> {
  const { body } = await suite.prober.fetch(url);
  return Object.fromEntries((JSON.parse(body) as { env: [string, string][] }).env);
}

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [
    configMap('settings', namespace, { COLOR: 'green', 'file.txt': multiLine, EMPTY: '' }),
    secret('keys', namespace, { TOKEN: 's3cret with $(COLOR) and $HOME', JSON_KEY: '{\n  "private_key": "-----BEGIN\\nX=\\n-----END"\n}\n' }),
    deployment({
      name: 'web', namespace, image,
      envFrom: [{ configMapRef: { name: 'settings' } }, { secretRef: { name: 'keys' }, prefix: 'KEY_' }],
      env: [
        fieldRef('POD_NAME', 'metadata.name'), fieldRef('POD_IP', 'status.podIP'), fieldRef('NODE', 'spec.nodeName'),
        { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
        { name: 'BASE', value: 'http://$(POD_NAME):8080' }, { name: 'URL', value: '$(BASE)/path?$$(NOT)=$(UNKNOWN)' },
        { name: 'NOTE', value: multiLine }, { name: 'dotted.and-dashed', value: '1' }, { name: 'NO_VALUE', value: '' },
        { name: 'FROM_FILE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'file.txt' } } },
        { name: 'UNICODE', value: 'größe ✓ 名' }, { name: 'OVERRIDDEN', value: 'in the pod' },
      ],
      container: { resources: { limits: { memory: '64Mi' } } },
    }),
    service({ name: 'web', namespace }),
  ]);
  original = await environmentOf(`http://${await suite.addressOf('web')}/env`);
}, setUpLimitMs);
afterAll(() => suite?.end());

describe('the environment', () => {
  test('of the pod is as awkward as meant', () => {
    expect(original).toMatchObject({ NOTE: multiLine, FROM_FILE: multiLine, EMPTY: '', LIMIT: '64', KEY_TOKEN: 's3cret with $(COLOR) and $HOME', URL: `http://${original.POD_NAME}:8080/path?$(NOT)=$(UNKNOWN)` });
  });

  test('arrives in the container exactly; -e wins', async () => {
    await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '-e', 'OVERRIDDEN=here', '-e', 'ADDED=1']);
    const local = await environmentOf(`http://${await suite.addressOf('web')}/env`);
    expect(local).toMatchObject({ WHO: 'local', OVERRIDDEN: 'here', ADDED: '1' });
    for (const variable of [...belongToTheImage, 'WHO', 'OVERRIDDEN', 'ADDED']) {
      delete local[variable];
      delete original[variable];
    }
    expect(local).toEqual(original);
    await suite.stop(name);
  });

  test('bridge env shows the same', async () => {
    const { stdout } = await bridgeOk(['env', 'deploy/web', '-n', namespace, '-o', 'json'], suite.user);
    const shown = (JSON.parse(stdout) as { env: Record<string, string> }).env;
    expect(shown).toMatchObject(original);
  });

  test('what bridge env prints can be read by a shell', async () => {
    const { stdout } = await bridgeOk(['env', 'deploy/web', '-n', namespace], suite.user);
    const { stdout: read } = await execa('bash', ['-c', 'set -a; eval "$(cat)"; printf "%s|" "$NOTE" "$URL" "$UNICODE"'], { input: stdout, stripFinalNewline: false });
    expect(read).toBe(`${multiLine}|${original.URL}|${original.UNICODE}|`);
  });

  test('of a process that has none is told as that', async () => {
    const busybox = await ensureBusyboxImage();
    await loadImages(suite.cluster, [busybox]);
    await applyAll(suite.kube, [pod({ name: 'bare', namespace, image: busybox, container: { command: ['env', '-i', '/bin/sleep', '100000'], readinessProbe: undefined } })]);
    const { exitCode, stdout } = await bridge(['env', 'pod/bare', '-n', namespace, '-o', 'json'], suite.user);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([3, { error: { code: 'env-empty', next: expect.stringMatching(/kubectl exec -n \S+ bare -- env/) } }]);
  });
});
