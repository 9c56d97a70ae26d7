import { expect, test } from '@jest/globals';
import { names, systemNamespace } from '../../../protocol/names.ts';
import { unservedRoute } from '../../../cli/install/gateway-route.ts';
import { clusterError, fakeCluster } from '../support/fake-cluster.ts';

const exposure = { way: 'gateway', name: 'infra/public' } as const;
const accepted = { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration: 2 };

function told(parents: unknown[] | undefined): Promise<string | undefined> {
  const cluster = fakeCluster({ untilTurns: 1 });
  const route = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: names.preview, namespace: systemNamespace, generation: 2 }, ...(parents === undefined ? {} : { status: { parents } }) };
  cluster.objects.set(`HTTPRoute ${systemNamespace}/${names.preview}`, route);
  return unservedRoute(cluster, exposure);
}
const of = (condition: object, parentRef: object = { namespace: 'infra', name: 'public' }) => [{ parentRef, controllerName: 'example.com/c', conditions: [{ type: 'ResolvedRefs', status: 'True' }, condition] }];

test('a route is served when its Gateway says that it takes it as it is now', async () => {
  expect(await told(of(accepted))).toBeUndefined();
  // Not every controller says which generation it has seen.
  expect(await told(of({ ...accepted, observedGeneration: undefined }))).toBeUndefined();
  expect(await unservedRoute(fakeCluster(), { way: 'ingress', name: 'nginx' })).toBeUndefined();
});

test('why it is not: refused, not looked at, another Gateway or an earlier route was', async () => {
  expect(await told(of({ ...accepted, status: 'False', reason: 'NotAllowedByListeners', message: 'no listener' }))).toBe('Gateway infra/public does not take it (NotAllowedByListeners: no listener)');
  expect(await told(of({ ...accepted, status: 'False', reason: 'NoMatchingParent' }))).toBe('Gateway infra/public does not take it (NoMatchingParent)');
  for (const unseen of [undefined, [], of({ ...accepted, observedGeneration: 1 }), of(accepted, { namespace: 'infra', name: 'other' }), of(accepted, { name: 'public' })]) {
    expect(await told(unseen)).toBe('no controller has looked at it for Gateway infra/public: there may be no such Gateway');
  }
});

test('who may not look hears nothing; what else goes wrong is not taken for a refusal', async () => {
  const failing = (code: string) => fakeCluster({ fail: () => { throw clusterError(code); } });
  expect(await unservedRoute(failing('cluster-forbidden'), exposure)).toBeUndefined();
  await expect(unservedRoute(failing('cluster-unreachable'), exposure)).rejects.toMatchObject({ facts: { code: 'cluster-unreachable' } });
});
