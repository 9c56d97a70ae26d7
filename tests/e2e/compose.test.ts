/** A Compose project with a real docker compose: services keep what is theirs and gain the place of a pod. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { systemNamespace } from '../../protocol/names.ts';
import type { ListedBridge } from '../../cli/bridge/list.ts';
import type { RunSummary } from '../../cli/bridge/summary.ts';
import { ensureBusyboxImage } from '../cluster/busybox-image.ts';
import { composeEnvironment } from '../compose/plugin.ts';
import { bridge, bridgeOk, bridgeProgram, startBridge, type BridgeOptions } from '../support/bridge-command.ts';
import { untilServing } from '../support/serving.ts';
import { until } from '../support/wait.ts';
import { runningPods } from '../support/nodes.ts';
import type { Report } from '../support/prober.ts';
import { configMap, deployment, echoContainer, echoPorts, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-compose';
const secretValue = 'only-the-pod-knows';
const sidecarPort = 5432;
let suite: Suite;
let folder: string;
let there: BridgeOptions;
let composed: Record<string, string>;

type Summary = RunSummary & { service: string };

const who = async (headers: Record<string, string> = {}): Promise<string> => (JSON.parse((await suite.prober.fetch(`http://${await suite.addressOf('web')}/`, headers)).body) as { who: string }).who;
const marked = { baggage: 'bridge=pia' };
/** With variables only: what Compose makes of them is its own business. */
const compose = (args: string[]) => execa('docker', ['compose', '-f', join(folder, 'compose.yaml'), ...args], { cwd: join(folder, 'deep'), env: { ...composed, ...there.env } });
const containers = async (): Promise<string[]> => (await execa('docker', ['ps', '--all', '--filter', 'label=com.docker.compose.project=e2e-shop', '--format', '{{.Label "com.docker.compose.service"}} {{.State}}'])).stdout.split('\n').filter(Boolean).sort();
const inspected = async <T>(container: string, format: string): Promise<T> => JSON.parse((await execa('docker', ['inspect', '--format', format, container])).stdout) as T;
/** In the network of a container, whose own image may have no tools. */
const beside = async (container: string, command: string[]): Promise<string> => (await execa('docker', ['run', '--rm', '--network', `container:${container}`, await ensureBusyboxImage(), ...command])).stdout;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => {
    const web = {
      name: 'web', namespace, image, env: [{ name: 'COLOR', value: 'green' }, { name: 'TOKEN', value: secretValue }, { name: 'HIDDEN_ONE', value: 'x' }],
      container: { volumeMounts: [{ name: 'settings', mountPath: '/etc/settings' }] },
    };
    // On the loopback only.
    const side = { name: 'side', image, imagePullPolicy: 'IfNotPresent', env: [{ name: 'WHO', value: 'side-{peer}' }, { name: 'BIND', value: '127.0.0.1' }, { name: 'HTTP_PORT', value: '' }, { name: 'TCP_PORT', value: String(sidecarPort) }] };
    return [
      configMap('settings', namespace, { 'note.txt': 'from the cluster\n' }),
      deployment({ ...web, pod: { containers: [echoContainer(web), side], volumes: [{ name: 'settings', configMap: { name: 'settings' } }] } }), service({ name: 'web', namespace }),
      // Answers with the address that it sees.
      deployment({ name: 'seer', namespace, image, env: [{ name: 'WHO', value: '{peer}' }, { name: 'TCP_PORT', value: String(echoPorts.tcp) }] }), service({ name: 'seer', namespace }),
      // Of the same name as a service of the project.
      service({ name: 'db', namespace }, { selector: { app: 'seer' } }),
    ];
  });
  const busybox = await ensureBusyboxImage();
  composed = await composeEnvironment();
  folder = await mkdtemp(join(tmpdir(), 'podbridge-compose-'));
  await mkdir(join(folder, 'deep'));
  there = { ...suite.user, cwd: join(folder, 'deep'), env: { ...composed, ECHO_IMAGE: suite.image, TOOLS_IMAGE: busybox, NAMESPACE: namespace } };
  // Found upward from the working directory, with an override, a .env, an env_file, extends, a profile: all of it Compose's own.
  await writeFile(join(folder, '.env'), 'MARK=pia\n');
  await writeFile(join(folder, 'local.env'), 'EXTRA=from a file\n');
  await writeFile(join(folder, 'common.yaml'), 'services:\n  base:\n    image: "${ECHO_IMAGE:?}"\n    stop_grace_period: 0s\n    labels: {mine: "1"}\n');
  await writeFile(join(folder, 'compose.yaml'), `name: e2e-shop
services:
  api:
    extends: {file: common.yaml, service: base}
    environment: {WHO: "local $$money", COLOR: blue}
    env_file: local.env
    ports: ["127.0.0.1::8080"]
    networks: [default, back]
    depends_on: [db]
    x-bridge:
      target: deploy/web
      container: echo
      namespace: "\${NAMESPACE}"
      egress: pod
      ports: http
      rules: {mark: "\${MARK}"}
      envExcept: "HIDDEN_*"
  db:
    image: "\${TOOLS_IMAGE}"
    command: [/bin/sleep, "100000"]
    stop_grace_period: 0s
  never:
    image: there-is-no-such-image
    profiles: [more]
networks:
  back: {}
`);
  await writeFile(join(folder, 'compose.override.yaml'), `services:
  tool:
    image: "\${ECHO_IMAGE}"
    environment: {WHO: "tool-{peer}", TCP_PORT: "${echoPorts.tcp}"}
    stop_grace_period: 0s
    networks: [default, back]
    x-bridge:
      namespace: "\${NAMESPACE}"
`);
}, setUpLimitMs);
afterAll(async () => {
  if (folder !== undefined) {
    await bridge(['compose', 'down'], there);
    await rm(folder, { recursive: true, force: true });
  }
  await suite?.end();
});

/** Every command line on this machine, while something runs. */
async function argumentsWhile(running: Promise<unknown>): Promise<string> {
  let [ended, seen] = [false, ''];
  const end = (): void => { ended = true; };
  void running.then(end, end);
  while (!ended) {
    const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    for (const number of numbers) seen += await readFile(`/proc/${number}/cmdline`, 'utf8').catch(() => '');
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  return seen;
}

test('up -d: a service keeps networks, ports, variables and dependencies, and gains requests, environment, files, DNS and the way to the cluster', async () => {
  const running = bridgeOk(['compose', 'up', '-d', '-o', 'json'], there);
  const commandLines = await argumentsWhile(running);
  const { services } = JSON.parse((await running).stdout) as { services: Summary[] };
  const [api, tool] = ['api', 'tool'].map((name) => services.find((each) => each.service === name)!) as [Summary, Summary];
  await untilServing(suite.kube, namespace, api.bridge!.name);
  expect([await who(), await who(marked)]).toEqual([expect.not.stringContaining('local'), 'local $money']);

  const env = await inspected<string[]>(api.container.id, '{{json .Config.Env}}');
  expect(env).toEqual(expect.arrayContaining(['EXTRA=from a file', 'COLOR=blue', `TOKEN=${secretValue}`]));
  expect(env.filter((line) => line.startsWith('HIDDEN_'))).toEqual([]);
  expect(commandLines).toContain('compose');
  expect(commandLines).not.toContain(secretValue);
  expect(await inspected(api.container.id, '{{json .Config.Labels}}')).toMatchObject({ mine: '1', 'com.docker.compose.service': 'api' });
  const { stdout: note } = await execa('docker', ['cp', `${api.container.id}:/etc/settings/note.txt`, '-', '-L']);
  expect(note).toContain('from the cluster');

  const networks = Object.keys(await inspected<object>(api.container.id, '{{json .NetworkSettings.Networks}}')).sort();
  expect(networks).toEqual([expect.stringMatching(/^00-podbridge-/), 'e2e-shop_back', 'e2e-shop_default']);
  const [gateway] = await inspected<string[]>(api.container.id, '{{json .HostConfig.Dns}}');
  for (const container of [api, tool]) expect(await beside(container.container.id, ['ip', 'route'])).toContain(`default via ${gateway} `);
  // Names of the project before the cluster's; a name of the cluster as pods say it, and the Service itself.
  const [ownDb, clusterDb, web] = [await inspected<Record<string, { IPAddress: string }>>('e2e-shop-db-1', '{{json .NetworkSettings.Networks}}'), await suite.addressOf('db'), await suite.addressOf('web')];
  for (const container of [api, tool]) {
    const resolved = async (...asked: string[]): Promise<string> => (await execa('docker', ['exec', container.container.name, '/echo', 'client', 'dns', ...asked])).stdout;
    expect(await resolved('db')).toContain(ownDb['e2e-shop_default']!.IPAddress);
    expect(await resolved('db')).not.toContain(clusterDb);
    expect(await resolved(`db.${namespace}`)).toContain(clusterDb);
    for (const name of ['web', `web.${namespace}.svc`]) expect(await resolved(name)).toContain(web);
  }
  // The C library of most images has its own mind about search lists.
  const cargo = await inspected<string>(`podbridge-${networks[0]!.slice('00-podbridge-'.length)}`, '{{json .Config.Image}}');
  const byLibrary = (await execa('docker', ['run', '--rm', '--network', `container:${api.container.id}`, '--entrypoint', 'getent', cargo, 'hosts', 'db', `db.${namespace}`, 'web'])).stdout.split('\n').map((line) => line.split(/\s+/)[0]);
  expect(byLibrary).toEqual([ownDb['e2e-shop_default']!.IPAddress, clusterDb, web]);
  const { stdout: answered } = await execa('docker', ['exec', tool.container.name, '/echo', 'client', 'http', '--url', 'http://web/', '--count', '5']);
  expect(JSON.parse(answered)).toMatchObject({ total: 5, failed: 0 });
  const { stdout: published } = await execa('docker', ['port', api.container.id, '8080']);
  expect(await (await fetch(`http://${published.split('\n')[0]!}/`)).text()).toContain('local $money');
  expect(await containers()).toEqual(['api running', 'db running', 'tool running']);
});

test('egress: pod: the cluster and the pod\'s sidecars see the service as the pod, the project\'s networks as what it is there, also after bridge restart', async () => {
  const ask = async (service: string, ...args: string[]): Promise<Record<string, number>> =>
    (JSON.parse((await execa('docker', ['exec', `e2e-shop-${service}-1`, '/echo', 'client', 'tcp', '--timeout', '2s', ...args])).stdout) as Report).byWho;
  const seen = (service: string) => ask(service, '--address', `seer:${echoPorts.tcp}`);
  const besides = () => ask('api', '--address', `127.0.0.1:${sidecarPort}`);
  const [pod] = await runningPods(suite.kube, namespace, 'app=web');
  expect(await until('connections of the pod', async () => { const found = await seen('api'); return found[pod!.status.podIP ?? ''] === 1 ? found : undefined; }, testLimitMs / 4)).toEqual({ [pod!.status.podIP ?? '']: 1 });
  const [hub] = await runningPods(suite.kube, systemNamespace, 'app.kubernetes.io/component=hub');
  expect(await seen('tool')).toEqual({ [hub!.status.podIP ?? '']: 1 });
  expect(await besides()).toEqual({ 'side-127.0.0.1': 1 });
  // Both of the project's networks.
  const addresses = Object.values(await inspected<Record<string, { IPAddress: string }>>('e2e-shop-api-1', '{{json .NetworkSettings.Networks}}')).map(({ IPAddress }) => IPAddress);
  const tool = await inspected<Record<string, { IPAddress: string }>>('e2e-shop-tool-1', '{{json .NetworkSettings.Networks}}');
  for (const network of ['e2e-shop_default', 'e2e-shop_back']) {
    const [answer = ''] = Object.keys(await ask('api', '--address', `${tool[network]!.IPAddress}:${echoPorts.tcp}`));
    expect(addresses.map((address) => `tool-${address}`)).toContain(answer);
  }
  const labels = await inspected<Record<string, string>>('e2e-shop-api-1', '{{json .Config.Labels}}');
  await bridgeOk(['restart', labels['podbridge.dev/bridge']!, '-n', namespace], there);
  expect(await until('the sidecar', async () => { const found = await besides().catch(() => ({})); return 'side-127.0.0.1' in found ? found : undefined; }, testLimitMs / 4)).toEqual({ 'side-127.0.0.1': 1 });
  expect(await seen('api')).toEqual({ [pod!.status.podIP ?? '']: 1 });
});

test('what ends at once is told, and the project is at its end with the last one, or with the exit code that was asked for; down tells what it leaves', async () => {
  const file = (name: string): string => join(folder, `${name}.yaml`);
  const gone = `name: e2e-ends
services:
  gone:
    image: "\${TOOLS_IMAGE}"
    command: [/bin/sh, -c, "exit 3"]
    x-bridge: {target: deploy/web, container: echo, namespace: "\${NAMESPACE}", ports: http, rules: {mark: quinn}}
`;
  await writeFile(file('gone'), gone);
  await writeFile(file('ends'), `${gone}  tests:\n    image: "\${TOOLS_IMAGE}"\n    command: [/bin/sh, -c, "sleep 2; exit 4"]\n`);
  const run = (name: string, ...args: string[]) => bridge(['compose', '-f', file(name), ...args], there);
  try {
    expect(await run('ends', 'up')).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/gone exited with code 3: requests go to the pods[\s\S]*tests exited with code 4/) });
    expect((await run('ends', 'up', '--exit-code-from', 'gone')).exitCode).toBe(3);
    expect(await run('ends', 'up', '-d')).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/gone: nothing listens[^\n]*the container has ended with exit code 3/) });
    // While it runs, the network stays with it.
    await execa('docker', ['wait', 'e2e-ends-tests-1']);
    const { stdout, stderr } = await run('gone', 'down', '-o', 'json', '--progress', 'plain');
    expect(JSON.parse(stdout)).toMatchObject({ left: ['service tests'] });
    expect(stderr).toContain('docker compose left what these files do not describe: service tests');
  } finally {
    expect(JSON.parse((await run('ends', 'down', '-o', 'json')).stdout)).toMatchObject({ left: [] });
  }
});

test('ps, logs and config speak of the same project; up again takes what the pods have now; down leaves nothing', async () => {
  expect((await bridgeOk(['compose', 'ps'], there)).stdout).toMatch(/api[\s\S]*tool/);
  expect(JSON.parse((await bridgeOk(['compose', 'ps', '-o', 'json'], there)).stdout)).toMatchObject({ containers: [{ Service: 'api' }, { Service: 'db' }, { Service: 'tool' }] });
  expect((await bridgeOk(['compose', 'logs', 'api', '--tail', '5', '-o', 'json'], there)).exitCode).toBe(0);
  const { stdout: shown } = await bridgeOk(['compose', 'config'], there);
  expect(shown).toMatch(/00-podbridge-/);
  expect(shown).toContain('local $$money');
  expect(shown).not.toContain(secretValue);

  const { stdout } = await bridgeOk(['compose', 'up', '-d', '-o', 'json', 'api'], there);
  const api = (JSON.parse(stdout) as { services: Summary[] }).services.find((each) => each.service === 'api')!;
  await untilServing(suite.kube, namespace, api.bridge!.name);
  expect(await who(marked)).toBe('local $money');
  expect(await containers()).toEqual(['api running', 'db running', 'tool running']);

  await bridgeOk(['compose', 'down'], there);
  expect(await containers()).toEqual([]);
  expect(JSON.parse((await bridgeOk(['list', '-o', 'json', '-n', namespace], there)).stdout)).toMatchObject({ bridges: [], containers: [] });
  expect((await execa('docker', ['volume', 'ls', '--quiet', '--filter', `label=podbridge.dev/namespace=${namespace}`])).stdout).toBe('');
  expect(await who(marked)).not.toContain('local');
});

test('in the foreground Ctrl-C ends bridges first; what is joined goes, the rest stays as docker compose leaves it', async () => {
  const running = startBridge(['compose', 'up'], there);
  let output = '';
  running.all.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until('the project', async () => (/Bridged: deployment web[\s\S]*Container e2e-shop-tool-1 stands/.test(output) ? true : undefined), testLimitMs / 2).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${output}`);
  });
  await until('its requests', async () => ((await who(marked)) === 'local $money' ? true : undefined), testLimitMs / 4);
  running.kill('SIGINT');
  expect({ exitCode: (await running).exitCode, output }).toEqual({ exitCode: 130, output: expect.stringMatching(/api-1\s+\|/) });
  expect(await containers()).toEqual(['db exited']);
  expect(JSON.parse((await bridgeOk(['list', '-o', 'json', '-n', namespace], there)).stdout)).toMatchObject({ bridges: [], containers: [] });
  await compose(['down']);
});

test('as a provider of plain docker compose: services share the network of a container in the place of the pod, and get its variables', async () => {
  const programs = join(folder, 'programs');
  await mkdir(programs);
  await symlink(bridgeProgram, join(programs, 'podbridge'));
  await writeFile(join(folder, 'provider.yaml'), `name: e2e-provided
services:
  cluster:
    provider:
      type: podbridge
      options: {target: deploy/web, container: echo, namespace: "\${NAMESPACE}", port: http, mark: paul, env-only: COLOR}
  app:
    image: "\${ECHO_IMAGE}"
    environment: {WHO: provided}
    stop_grace_period: 0s
    network_mode: "container:e2e-provided-cluster"
    depends_on: [cluster]
`);
  const env = { ...composed, ...there.env, PATH: `${programs}:${process.env.PATH}`, PODBRIDGE_KUBECONFIG: suite.user.kubeconfig, PODBRIDGE_CONTEXT: suite.user.context! };
  const plain = (...args: string[]) => execa('docker', ['compose', '-f', join(folder, 'provider.yaml'), ...args], { env, all: true });
  const ours = async (): Promise<string> => (await execa('docker', ['ps', '--all', '--quiet', '--filter', 'name=^e2e-provided'])).stdout;
  const bridged = async (): Promise<ListedBridge> => (JSON.parse((await bridgeOk(['list', '-o', 'json', '-n', namespace], there)).stdout) as { bridges: [ListedBridge] }).bridges[0];
  const change = async (now: string, then: string) => writeFile(join(folder, 'provider.yaml'), (await readFile(join(folder, 'provider.yaml'), 'utf8')).replace(now, then));
  try {
    expect((await plain('up', '-d')).all).toContain('takes requests with mark paul of deployment web');
    const made = await bridged();
    expect(made).toMatchObject({ name: expect.stringMatching(/^e2e-provided-cluster-./), container: { name: 'e2e-provided-cluster' } });
    await untilServing(suite.kube, namespace, made.name);
    expect([await who(), await who({ baggage: 'bridge=paul' })]).toEqual([expect.not.stringContaining('provided'), 'provided']);
    expect((await inspected<string[]>('e2e-provided-app-1', '{{json .Config.Env}}')).filter((line) => line.startsWith('CLUSTER_'))).toEqual(['CLUSTER_COLOR=green']);
    const { stdout: resolved } = await execa('docker', ['exec', 'e2e-provided-app-1', '/echo', 'client', 'dns', 'web']);
    expect(resolved).toContain(await suite.addressOf('web'));
    const before = await ours();
    await plain('up', '-d');
    expect(await ours()).toBe(before);
    await change('mark: paul', 'marc: paul');
    await expect(plain('up', '-d')).rejects.toMatchObject({ all: expect.stringContaining('did you mean mark?') });
    await change('marc: paul', 'mark: paula');
    await expect(plain('up', '-d')).rejects.toMatchObject({ all: expect.stringMatching(/options of e2e-provided-cluster have changed.*e2e-provided-app-1/) });
    expect([await ours(), (await bridged()).rules]).toEqual([before, ['mark paul']]);
    await plain('rm', '--stop', '--force', 'app');
    expect((await plain('up', '-d')).all).toContain('takes requests with mark paula of deployment web');
    expect((await bridged()).rules).toEqual(['mark paula']);
  } finally {
    await plain('down');
  }
  expect(await ours()).toBe('');
  expect(JSON.parse((await bridgeOk(['list', '-o', 'json', '-n', namespace], there)).stdout)).toMatchObject({ bridges: [], containers: [] });
  await change('deploy/web', 'deploy/nobody');
  await expect(plain('up', '-d')).rejects.toMatchObject({ all: expect.stringContaining('there is no deployment nobody in namespace e2e-compose') });
  expect(await ours()).toBe('');
});

test('what cannot be is told before anything is made', async () => {
  const write = (name: string, join: string, more = '') => writeFile(join2(name), `name: e2e-shop\nservices:\n  api:\n    image: "\${ECHO_IMAGE}"\n${more}    x-bridge: ${join}\n`);
  const join2 = (name: string): string => join(folder, `${name}.yaml`);
  const up = (name: string, options: Partial<BridgeOptions> = {}) => bridge(['compose', '-f', join2(name), 'up', '-d'], { ...there, ...options });
  await write('wrong', '{targt: deploy/web, env: {A: 1}, ports: [99999]}\n  other:\n    image: x\n    x-brige: {}');
  await write('nobody', `{target: deploy/nobody, namespace: ${namespace}}\n  other:\n    image: x\n    x-bridge: {target: deploy/nothing, namespace: ${namespace}}`);
  await write('host', '{target: deploy/web}', '    network_mode: host\n    scale: 2\n');
  await writeFile(join2('none'), 'services:\n  api: {image: x}\n');
  expect(await up('wrong')).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/other\.x-brige: did you mean x-bridge\?[\s\S]*x-bridge\.env: that is said by environment[\s\S]*services\.api\.x-bridge\.targt: there is no such key; did you mean target\?/) });
  expect(await up('host')).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/network_mode[\s\S]*2 replicas/) });
  expect(await up('nobody')).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/there is no deployment nobody in namespace e2e-compose[\s\S]*there is no deployment nothing/) });
  expect(await up('none')).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/no service of the project is joined/) });
  expect(await up('not-there')).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/not-there\.yaml/) });
  expect(await up('nobody', { env: { ...there.env, PATH: dirname(process.execPath) } })).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/there is no docker compose here/) });
  expect(await bridge(['compose', 'pull'], there)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/docker compose pull/) });
  expect(await bridge(['compose', 'upp', 'api'], there)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/did you mean up\?[\s\S]*next: bridge compose up api/) });
  expect(await bridge(['compose', 'up', '--exit-code-from', 'apy'], there)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/no service apy[\s\S]*did you mean api\?/) });
  expect(await bridge(['compose', 'up', '-d', '--abort-on-container-exit'], there)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/exclude each other/) });
  expect(await bridge(['compose', 'up', '--', '--exit-code-from', 'api'], there)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/write it before --/) });
  expect(await containers()).toEqual([]);
  expect(JSON.parse((await bridgeOk(['list', '-o', 'json', '-n', namespace], there)).stdout)).toMatchObject({ bridges: [] });
});
