/** What `bridge list` and the summary of a run say of bridges, and of a cluster that cannot be asked. */
import { expect, test } from '@jest/globals';
import type { Cluster } from '../../../cli/adapters/cluster/index.ts';
import { listAll, listText } from '../../../cli/bridge/list.ts';
import { headline, publishedWords, type RunSummary } from '../../../cli/bridge/summary.ts';
import { takenWords, toldTreatment } from '../../../cli/bridge/taken-words.ts';
import { BridgeError } from '../../../cli/errors.ts';
import { isOutOfReach, linksHere } from '../../../cli/link/out-of-reach.ts';
import { labels } from '../../../protocol/names.ts';
import { fakeDocker } from '../support/fake-docker.ts';

const context = { name: 'lab', server: 'https://lab', namespace: 'shop' } as Cluster['context'];
const unreachable = new BridgeError({ kind: 'environment', code: 'cluster-unreachable', what: 'no way to it' });

async function machine() {
  const docker = fakeDocker({ status: () => ({ transport: 'docker', endpoint: '10.9.9.9:1', handshakeAgeMs: 5, echoAgeMs: 100, rttMs: [1], rxBytes: 0, txBytes: 0, mtu: 1420, forwards: [] }) });
  const make = (name: string, own: object) => docker.containers.create({ name, image: 'podbridge/cargo:1', labels: own as Record<string, string>, networks: [] });
  const cargo = (link: string, more: object = {}) => make(`cargo-${link}`, { [labels.role]: 'cargo', [labels.link]: link, [labels.context]: 'lab', [labels.server]: 'https://lab', [labels.owner]: 'ann', ...more });
  await cargo('ann-1');
  await docker.containers.start(await cargo('ann-2'));
  await cargo('ann-3', { [labels.server]: 'https://other' });
  await make('api-ann', { [labels.role]: 'app', [labels.link]: 'ann-2', [labels.bridge]: 'api-ann', [labels.namespace]: 'shop' });
  return docker;
}

test('a cluster that is out of reach: the links that were made for it, the one that runs first', async () => {
  expect((await linksHere(await machine(), context)).map(({ link }) => link)).toEqual(['ann-2', 'ann-1']);
  expect([isOutOfReach(unreachable), isOutOfReach(new BridgeError({ kind: 'refused', code: 'cluster-forbidden', what: 'x' })), isOutOfReach(new Error('x'))]).toEqual([true, false, false]);
});

test('its list has links and containers, with the names of their bridges, and does not say that there are no bridges', async () => {
  const cluster = { context, list: async () => { throw new Error('it is not asked'); } } as unknown as Cluster;
  const listed = await listAll({ docker: await machine(), cluster, link: 'ann-2', allNamespaces: false, program: 'podbridge', unreachable });
  expect(listed).toMatchObject({ bridgesKnown: false, bridges: [], containers: [{ name: 'api-ann', bridge: 'api-ann', namespace: 'shop' }] });
  expect(listText(listed, false, 0)).toMatch(/^CONTAINER +BRIDGE +NAMESPACE/);
  // And what it advises is to be typed.
  expect(listed.links.find(({ link }) => link === 'ann-1')!.attention).toMatchObject({ next: 'podbridge up --context lab' });
});

test.each([
  [{}, 'all traffic'], [{ mode: 'mirror' as const }, 'copies of all traffic'], [{ mode: 'tap' as const }, 'only told of all traffic'], [{ delayMs: 200 }, 'all traffic (200 ms later)'],
  [{ delayMs: 1500, fault: { percent: 10 } }, 'all traffic (1500 ms later, 10 % answered with 503)'], [{ fault: { percent: 5, status: 429 } }, 'all traffic (5 % answered with 429)'],
])('what is done to requests: %j', (treatment, words) => {
  expect(takenWords('all traffic', treatment)).toBe(words);
  expect(takenWords('all traffic', toldTreatment(treatment))).toBe(words);
});

test('the headline of a run tells it', () => {
  const summary: RunSummary = {
    bridge: { namespace: 'shop', name: 'api-ann' }, container: { id: '1', name: 'api-ann', address: '10.0.0.1', image: 'api' }, target: { kind: 'Deployment', name: 'api', container: 'api' }, ports: [{ port: 80, protocol: 'TCP', local: 80 }],
    rules: [{ mark: 'ann' }], pods: [], published: [], mode: 'steal', delayMs: 200, fault: null, link: { client: 'c', transport: 'udp' }, elapsedMs: 1,
  };
  expect(headline(summary)).toContain('requests with mark ann (200 ms later) to container api-ann');
  expect(headline({ ...summary, rules: [], mode: 'mirror', delayMs: null })).toContain(': copies of all traffic to container api-ann');
});

test('published ports, once for IPv4 and IPv6', () => {
  const port = (hostIp: string, hostPort: number) => ({ hostIp, hostPort, containerPort: 80, protocol: 'tcp' as const });
  expect(publishedWords([port('0.0.0.0', 32768), port('::', 32768)])).toEqual(['0.0.0.0:32768 -> 80/tcp']);
  expect(publishedWords([port('0.0.0.0', 32768), port('::', 32769), port('127.0.0.1', 9229)])).toEqual(['0.0.0.0:32768 -> 80/tcp', '[::]:32769 -> 80/tcp', '127.0.0.1:9229 -> 80/tcp']);
});
