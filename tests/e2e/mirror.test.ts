/** The original answers and the container gets a copy; and troubles that a bridge's owner asks for. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { execa } from 'execa';
import type { TapEvent } from '../../protocol/tap.ts';
import { startBridge } from '../support/bridge-command.ts';
import { untilServing } from '../support/serving.ts';
import { deployment, echoPorts, service } from '../workloads/manifests.ts';
import { until } from '../support/wait.ts';
import { setUpLimitMs, startSuite, testLimitMs, type Suite } from './support/suite.ts';

jest.setTimeout(testLimitMs);
const namespace = 'e2e-mirror';
const name = 'e2e-mirror';
const mine = { 'x-developer': 'ann' };
const rule = ['--target', 'deploy/web', '--port', 'http', '--header', 'x-developer=ann'];
const seenLimitMs = 30_000;
let suite: Suite;
let address: string;

beforeAll(async () => {
  suite = await startSuite(namespace, (image) => [deployment({ name: 'web', namespace, image, replicas: 2 }), service({ name: 'web', namespace })]);
  address = await suite.addressOf('web');
}, setUpLimitMs);
afterAll(() => suite?.end());
afterEach(() => suite.bridge(['stop', name]));

interface Copy { method: string; path: string; bodySha256?: string; headers: Record<string, string[]> }
const copiesIn = async (container: { address: string }): Promise<Copy[]> => await (await fetch(`http://${container.address}:8080/copies`)).json() as Copy[];
const untilCopies = (container: { address: string }, count: number) => until(`${count} copies`, async () => {
  const copies = await copiesIn(container);
  return copies.length >= count ? copies : undefined;
}, seenLimitMs);
const alternating = (...more: string[]) => ['http', '--url', `http://${address}/`, '--timeout', '30s', '--alternate', 'x-developer: ann', ...more];

describe('--mode mirror', () => {
  test('the original answers every request; the container gets a copy of exactly those that match, bodies too', async () => {
    const { container } = await suite.run(name, 'local', [...rule, '--mode', 'mirror']);
    // Not so fast that a busy container has more than its share of copies under way.
    for (const how of [['--connections', '1'], ['--h2c']]) {
      const { failed, byKind } = await suite.prober.run(...alternating('--count', '100', '--rate', '40', ...how));
      expect({ failed, byKind }).toEqual({ failed: 0, byKind: { plain: { original: 50 }, alternate: { original: 50 } } });
    }
    const copies = await untilCopies(container, 100);
    expect(copies).toHaveLength(100);
    expect(copies.every(({ headers }) => headers['x-developer']?.[0] === 'ann' && headers['x-bridge-mirror']?.[0] === `${namespace}/${name}`)).toBe(true);

    const body = 'x'.repeat(300_000);
    const posted = await suite.prober.fetch(`http://${address}/orders?n=1`, mine, { method: 'POST', body });
    expect(posted.headers['x-bridge-served-by']).toEqual(['original']);
    expect((await untilCopies(container, 101)).at(-1)).toMatchObject({ method: 'POST', path: '/orders?n=1', bodySha256: createHash('sha256').update(body).digest('hex') });
  });

  test('loss of the copy hurts nobody: a container that hangs, and one that is killed, under load', async () => {
    const { container } = await suite.run(name, 'local', [...rule, '--mode', 'mirror']);
    const probe = await suite.prober.start(...alternating('--rate', '100', '--duration', '120s'));
    await untilCopies(container, 20);
    await fetch(`http://${container.address}:8080/hang`);
    await until('load while it hangs', async () => ((await probe.peek()).total > 400 ? true : undefined), 60_000);
    const hung = await probe.peek();
    await execa('docker', ['kill', container.id]);
    await until('load while it is dead', async () => ((await probe.peek()).total > hung.total + 200 ? true : undefined), 60_000);
    const { failed, firstError, byWho } = await probe.stop();
    expect({ failed, firstError, who: Object.keys(byWho) }).toEqual({ failed: 0, firstError: undefined, who: ['original'] });
  });

  test('without a rule all HTTP is copied, and what is not HTTP passes', async () => {
    const { container } = await suite.run(name, 'local', ['--target', 'deploy/web', '--port', 'http', '--port', 'tcp', '--mode', 'mirror']);
    expect((await suite.prober.run('http', '--url', `http://${address}/`, '--count', '30')).byWho).toEqual({ original: 30 });
    expect(await untilCopies(container, 30)).toHaveLength(30);
    expect((await suite.prober.run('tcp', '--address', `${address}:${echoPorts.tcp}`, '--count', '10')).byWho).toEqual({ original: 10 });
  });
});

describe('under load', () => {
  /** By so much equal turns differ on a quiet machine. */
  const clockMs = 2;

  test('no request fails, and the slowest of a hundred are as slow as without copies, within the noise of the same run', async () => {
    const { container } = await suite.run(name, 'local', [...rule, '--mode', 'mirror']);
    // An answer that waited for its copy would be slower than any busy machine makes it.
    await fetch(`http://${container.address}:8080/lag?ms=400`);
    const turns: { plain: number; copied: number }[] = [];
    const probe = async (header: string): Promise<number> => {
      const { failed, byWho, p99Ms } = await suite.prober.run('http', '--url', `http://${address}/`, '--connections', '4', '--rate', '75', '--count', '200', '--timeout', '30s', '--header', header);
      expect({ failed, byWho }).toEqual({ failed: 0, byWho: { original: 200 } });
      return p99Ms;
    };
    // Both at the same time: whatever else goes on on the machine, the work on the copies too, meets both.
    for (let turn = 0; turn < 7; turn++) {
      const [plain, copied] = await Promise.all([probe('x-developer: nobody'), probe('x-developer: ann')]);
      turns.push({ plain, copied });
    }
    expect((await untilCopies(container, 1000)).length).toBeGreaterThanOrEqual(1000);
    const [best, noise] = [Math.min(...turns.map(({ copied }) => copied)), Math.max(...turns.map(({ plain }) => plain)) + clockMs];
    expect({ turns, unchanged: best <= noise }).toEqual({ turns, unchanged: true });
  });
});

describe('--diff', () => {
  test('tells where the container answers otherwise, and that its other answers are the same; in the foreground only', async () => {
    expect((await suite.bridge(['run', '-d', '--image', suite.image, ...rule, '--mode', 'mirror', '--diff'])).exitCode).toBe(2);
    const running = startBridge(['run', '-o', 'json', '--name', name, '--image', suite.image, '-e', 'WHO=local', '-n', namespace, ...rule, '--mode', 'mirror', '--diff'], suite.user);
    let out = '';
    running.stdout.on('data', (chunk: Buffer) => { out += String(chunk); });
    try {
      const events = () => out.split('\n').slice(0, -1).map((line) => JSON.parse(line) as { type: string } & TapEvent).filter(({ type }) => type === 'compared');
      await until('the run to stand', async () => (out.includes('"ready"') ? true : undefined), 120_000);
      await untilServing(suite.kube, namespace, name);
      // Who answers stands in the body; what comes with a download is the same on both sides.
      const seen = await until('both to be told', async () => {
        await suite.prober.fetch(`http://${address}/healthz?token=hush`, mine);
        await suite.prober.fetch(`http://${address}/download?bytes=300`, mine);
        const [other, same] = [events().find(({ path, difference }) => path.startsWith('/healthz') && difference !== undefined), events().find(({ path }) => path.startsWith('/download'))];
        return other !== undefined && same !== undefined ? { other, same } : undefined;
      }, seenLimitMs);
      expect(seen.other).toMatchObject({ method: 'GET', path: '/healthz?token=***', status: 200, difference: { status: 200, at: [{ place: '$.who', original: '"original"', copy: '"local"' }], more: 0 } });
      expect(seen.same).not.toHaveProperty('difference');
    } finally {
      running.kill('SIGINT');
      await running;
    }
  });
});

describe('troubles on the bridge\'s own requests', () => {
  const timed = async (headers: Record<string, string>): Promise<{ status: number; ms: number }> => {
    const started = performance.now();
    const { status } = await suite.prober.fetch(`http://${address}/`, headers);
    return { status, ms: performance.now() - started };
  };

  test('--delay: they wait, the others do not', async () => {
    await suite.run(name, 'local', [...rule, '--delay', '3s']);
    const [plain, marked] = [await timed({}), await timed(mine)];
    expect([plain.status, marked.status]).toEqual([200, 200]);
    expect(marked.ms).toBeGreaterThanOrEqual(3000);
    expect(plain.ms).toBeLessThan(marked.ms);
  });

  test('--fault: that share of them is answered with the status, the others never', async () => {
    await suite.run(name, 'local', [...rule, '--fault', '100:429']);
    expect([(await timed({})).status, (await timed(mine)).status]).toEqual([200, 429]);
    await suite.stop(name);
    await suite.run(name, 'local', [...rule, '--fault', '50']);
    const { byKind, errors } = await suite.prober.run(...alternating('--count', '200'));
    expect(byKind.plain).toEqual({ original: 100 });
    // 100 throws of a coin: fewer than 10 or more than 90 would be a wonder.
    const answered = byKind.alternate?.local ?? 0;
    expect(answered).toBeGreaterThan(10);
    expect(answered).toBeLessThan(90);
    expect(errors).toEqual({ 'status 503': 100 - answered });
  });
});
