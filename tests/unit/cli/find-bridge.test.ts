import { expect, test } from '@jest/globals';
import { labels } from '../../../protocol/names.ts';
import type { Cluster } from '../../../cli/adapters/cluster/index.ts';
import type { Docker } from '../../../cli/adapters/docker/index.ts';
import { findBridge } from '../../../cli/bridge/find-bridge.ts';

const app = { name: 'api', labels: { [labels.bridge]: 'api', [labels.namespace]: 'shop' } };
const docker = { containers: { list: () => Promise.resolve([app]) } } as unknown as Docker;
const cluster = { context: { namespace: 'default' }, find: () => Promise.resolve(undefined) } as unknown as Cluster;
const find = (name: string, namespace?: string) => findBridge({ docker, cluster, link: 'ann-1', name, ...(namespace === undefined ? {} : { namespace }) });

test('a bridge of this machine is found without its namespace', async () => {
  expect((await find('api')).ref).toEqual({ namespace: 'shop', name: 'api' });
});

test('in another namespace: said where it is', async () => {
  await expect(find('api', 'default')).rejects.toMatchObject({ facts: { code: 'bridge-not-found', why: 'api is in the namespace shop', next: 'the same with -n shop' } });
});

test('a name that is only nearly right', async () => {
  await expect(find('apy')).rejects.toMatchObject({ facts: { code: 'bridge-not-found', why: 'there is: api; did you mean api?', next: 'bridge list' } });
});
