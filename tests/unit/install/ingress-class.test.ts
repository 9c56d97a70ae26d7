import { expect, test } from '@jest/globals';
import { missingIngressClass } from '../../../cli/install/ingress-class.ts';
import { clusterError, fakeCluster } from '../support/fake-cluster.ts';

test('a class that the cluster does not have is told, with those that it has', async () => {
  const cluster = fakeCluster();
  for (const name of ['traefik', 'nginx']) cluster.objects.set(name, { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name } });
  expect(await missingIngressClass(cluster, { way: 'ingress', name: 'nope' })).toEqual({ wanted: 'nope', there: ['nginx', 'traefik'] });
  expect(await missingIngressClass(fakeCluster(), { way: 'ingress', name: 'nope' })).toEqual({ wanted: 'nope', there: [] });
  expect(await missingIngressClass(cluster, { way: 'ingress', name: 'nginx' })).toBeUndefined();
  // The default class, and ways without one.
  expect([await missingIngressClass(cluster, { way: 'ingress' }), await missingIngressClass(cluster, { way: 'gateway', name: 'a/b' })]).toEqual([undefined, undefined]);
  expect(await missingIngressClass(fakeCluster({ fail: () => { throw clusterError('cluster-forbidden'); } }), { way: 'ingress', name: 'nope' })).toBeUndefined();
});
