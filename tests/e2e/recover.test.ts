/** `bridge run` killed at each of its steps, and what `bridge recover` makes of it. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { labels, managedBy, names, systemNamespace } from '../../protocol/names.ts';
import { resources } from '../../cli/adapters/cluster/index.ts';
import type { Listed } from '../../cli/bridge/list.ts';
import type { Recovered } from '../../cli/bridge/recover.ts';
import { bridge, bridgeOk, startBridge, type BridgeOptions } from '../support/bridge-command.ts';
import { grant, makeUser, type User } from '../support/user.ts';
import { until } from '../support/wait.ts';
import { deployment, service } from '../workloads/manifests.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-recover';
const goneLimitMs = 120_000;
/** As in stand-up.ts. */
const steps = ['image', 'cluster-side', 'link', 'target', 'bridge', 'identity', 'container', 'ready'];
let suite: Suite;
let ann: User;
let address: string;

const as = (user: User): BridgeOptions => ({ kubeconfig: user.kubeconfigPath, context: user.context });
const recover = async (options = as(ann)): Promise<Recovered> => JSON.parse((await bridgeOk(['recover', '-o', 'json'], options)).stdout) as Recovered;
const linkName = async (user: User): Promise<string | undefined> => (JSON.parse((await bridgeOk(['list', '-o', 'json'], as(user))).stdout) as Listed).links.find(({ owner }) => owner === user.username)?.link;
const argsOf = (name: string): string[] => ['run', '--image', suite.image, '-e', `WHO=${name}`, '--target', 'deploy/web', '--port', 'http', '--name', name, '--mark', name, '-n', namespace];
const who = async (mark: string, count = 20): Promise<Record<string, number>> => (await suite.prober.run('http', '--url', `http://${address}/`, '--connections', '1', '--count', String(count), '--header', `baggage: bridge=${mark}`)).byWho;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
  ann = await makeUser(suite.kube, suite.cluster, namespace, 'ann');
  await Promise.all([namespace, systemNamespace].map((place) => grant(suite.kube, ann, names.userRole, place)));
}, setUpLimitMs);
afterAll(async () => {
  if (ann !== undefined) {
    await bridge(['down'], as(ann));
    await ann.dispose();
  }
  await suite?.end();
}, setUpLimitMs);

/** Bridges and app containers of the namespace. */
async function leftovers(): Promise<string[]> {
  const [{ items }, { stdout }] = await Promise.all([
    suite.kube.list(resources.Bridge, { namespace }),
    execa('docker', ['ps', '--all', '--format', '{{.Names}}', '--filter', `label=${labels.managedBy}=${managedBy}`, '--filter', `label=${labels.namespace}=${namespace}`]),
  ]);
  return [...items.map(({ metadata }) => `bridge ${metadata.name}`), ...stdout.split('\n').filter(Boolean).map((name) => `container ${name}`)];
}

/** What a test that failed has left must not fail the others. */
afterEach(async () => {
  if (ann === undefined || (await leftovers()).length === 0) return;
  await bridge(['stop', '--all'], as(ann));
});

/** Kills the run in the moment in which the step begins (or, for the last one, when all stands). */
async function killedAt(step: string): Promise<void> {
  const running = startBridge([...argsOf(`kill-${step}`), '--progress', 'json'], as(ann));
  await new Promise<void>((resolve) => {
    let said = '';
    running.stderr?.on('data', (chunk: Buffer) => {
      said += String(chunk);
      if (said.split('\n').some((line) => line.includes('"step-started"') && line.includes(`"id":"${step}"`))) {
        running.kill('SIGKILL');
        resolve();
      }
    });
    void running.then(() => resolve());
  });
  await running;
}

describe('bridge run, killed', () => {
  test('at each step, without a link and with one: nothing is left after recover and a minute', async () => {
    // The first ones make the link, and die on the way.
    await Promise.all(['link', 'bridge'].map(killedAt));
    await Promise.all(steps.map(killedAt));
    await bridgeOk(['up'], as(ann));
    await recover();
    const left = await until('the end of all bridges', async () => {
      const now = await leftovers();
      return now.length === 0 ? now : undefined;
    }, goneLimitMs).catch(async () => leftovers());
    expect(left).toEqual([]);
  });
});

describe('bridge recover', () => {
  test('leaves alone what is in use; removes a bridge whose container is gone, and a link whose container is gone', async () => {
    await suite.run('e2e-kept', 'e2e-kept', ['--target', 'deploy/web', '--port', 'http', '--mark', 'e2e-kept'], as(ann));
    expect(await recover()).toEqual({ containers: [], bridges: [], networks: [], volumes: [], clients: [], left: [] });
    expect(await who('e2e-kept')).toEqual({ 'e2e-kept': 20 });
    const link = await linkName(ann);
    await execa('docker', ['rm', '--force', 'e2e-kept']);
    // Only what is older than a run takes to claim it; until then it is told.
    let last = await recover();
    expect([...last.left, ...last.bridges]).toEqual([{ namespace, name: 'e2e-kept' }]);
    const { bridges } = await until('the orphan', async () => {
      if (last.bridges.length > 0) return last;
      last = await recover();
      return undefined;
    }, goneLimitMs);
    expect(bridges).toEqual([{ namespace, name: 'e2e-kept' }]);
    await execa('docker', ['rm', '--force', `podbridge-${link}`]);
    expect(await recover()).toMatchObject({ networks: [`00-podbridge-${link}`], clients: [link] });
    expect(await recover()).toEqual({ containers: [], bridges: [], networks: [], volumes: [], clients: [], left: [] });
    expect(await suite.kube.find(resources.Client, link ?? '', systemNamespace)).toBeUndefined();
  });
});

describe('a bridge that somebody deletes with kubectl', () => {
  const name = 'e2e-deleted';
  const removeBridge = async (): Promise<void> => { await ann.kube.delete(resources.Bridge, name, { namespace }); };
  const untilOriginal = (): Promise<true> => until('the pod answers', async () => ((await who(name))['original'] === 20 ? true : undefined), goneLimitMs);

  test('ends its run in the foreground, which says why and takes its container along', async () => {
    const running = startBridge([...argsOf(name), '--progress', 'json'], as(ann));
    await until('the container answers', async () => ((await who(name).catch(() => ({ [name]: 0 })))[name] === 20 ? true : undefined), goneLimitMs);
    await removeBridge();
    const { stderr, exitCode } = await running;
    expect(exitCode).toBe(4);
    const events = stderr.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { type: string; code?: string; text?: string });
    expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'bridge-ended', text: `bridge ${name} was ended from elsewhere` }));
    expect(await leftovers()).toEqual([]);
    await untilOriginal();
  });

  test('leaves a detached container to the next command, which says so', async () => {
    await suite.run(name, name, ['--target', 'deploy/web', '--port', 'http', '--mark', name], as(ann));
    await removeBridge();
    await untilOriginal();
    expect(await leftovers()).toEqual([`container ${name}`]);
    const listed = await bridgeOk(['list', '-o', 'json', '--progress', 'plain', '-n', namespace], as(ann));
    expect(listed.stderr).toContain(`container ${name} was removed: its bridge ${namespace}/${name} is gone from the cluster`);
    expect(JSON.parse(listed.stdout)).toMatchObject({ bridges: [], containers: [] });
    expect(await leftovers()).toEqual([]);
  });
});

test('bridge down in another terminal ends a run in the foreground and a tap, at once and with words', async () => {
  const name = 'e2e-downed';
  const running = startBridge([...argsOf(name), '--progress', 'plain'], as(ann));
  const tapping = startBridge(['tap', 'deploy/web', '--port', 'http', '-n', namespace, '--progress', 'plain'], as(ann));
  let tapped = '';
  tapping.stderr.on('data', (chunk: Buffer) => { tapped += String(chunk); });
  await until('the container answers', async () => ((await who(name).catch(() => ({ [name]: 0 })))[name] === 20 ? true : undefined), goneLimitMs);
  await until('the tap watches', async () => (tapped.includes('Watching') ? true : undefined), goneLimitMs);
  await bridgeOk(['down'], as(ann));
  const [run, tap] = await Promise.all([running, tapping]);
  // The container's: of SIGTERM, or of its removal.
  expect([[0, 143, 137].includes(run.exitCode ?? -1), tap.exitCode]).toEqual([true, 3]);
  expect(run.stderr).toContain(`bridge ${name} was ended from elsewhere`);
  expect(tap.stderr).toContain('the tap of deployment web was ended');
  expect(run.stderr + tap.stderr).not.toMatch(/unsettled|defect|at file:/);
  expect(await leftovers()).toEqual([]);
});
