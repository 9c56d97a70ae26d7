import { describe, expect, test } from '@jest/globals';
import type { Cluster } from '../../../cli/adapters/cluster/index.ts';
import { BridgeError } from '../../../cli/errors.ts';
import { applyAll } from '../../../cli/install/apply.ts';
import type { Manifest } from '../../../cli/install/manifests/index.ts';

const error = (code: string, detail = ''): BridgeError => new BridgeError({ kind: 'environment', code, what: code, detail });
const manifest = (kind: string, name: string, apiVersion = 'v1'): Manifest => ({ apiVersion, kind, metadata: { name, namespace: 'bridge-system' } });
const statefulSet = manifest('StatefulSet', 'hub', 'apps/v1');

/** Answers each apply of an object with the next of its errors, then lets it pass. */
function cluster(errors: Record<string, BridgeError[]>) {
  const calls: string[] = [];
  const fake = {
    async apply({ kind, metadata }: Manifest) {
      calls.push(`apply ${kind}/${metadata.name}`);
      const next = errors[metadata.name]?.shift();
      if (next !== undefined) throw next;
    },
    async delete({ kind }: { kind: string }, name: string) { calls.push(`delete ${kind}/${name}`); return true; },
    async until({ kind }: { kind: string }, name: string, predicate: (object: undefined) => boolean) { calls.push(`gone ${kind}/${name} ${predicate(undefined)}`); },
  };
  return { fake: fake as unknown as Cluster, calls };
}

describe('applying', () => {
  test('the namespace is there before anything in it', async () => {
    const { fake, calls } = cluster({});
    await applyAll(fake, [manifest('Service', 'hub'), { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bridge-system' } }, manifest('ServiceAccount', 'hub')]);
    expect(calls[0]).toBe('apply Namespace/bridge-system');
    expect(calls).toHaveLength(3);
  });

  test('another install at the same moment, and a namespace not seen yet, are tried again', async () => {
    const { fake, calls } = cluster({ hub: [error('cluster-conflict'), error('cluster-already-exists'), error('cluster-not-found')] });
    await applyAll(fake, [manifest('Service', 'hub')]);
    expect(calls).toEqual(Array(4).fill('apply Service/hub'));
  });

  test('an immutable field: the object is made anew', async () => {
    const { fake, calls } = cluster({ hub: [error('cluster-invalid', "StatefulSet.apps \"hub\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals' are forbidden")] });
    await applyAll(fake, [statefulSet]);
    expect(calls).toEqual(['apply StatefulSet/hub', 'delete StatefulSet/hub', 'gone StatefulSet/hub true', 'apply StatefulSet/hub']);
  });

  test('but never a namespace or a custom resource definition: users\' objects hang on them', async () => {
    const { fake, calls } = cluster({ 'bridges.podbridge.dev': Array.from({ length: 30 }, () => error('cluster-invalid', 'spec.scope: field is immutable')) });
    await expect(applyAll(fake, [{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'bridges.podbridge.dev' } }])).rejects.toMatchObject({ facts: { code: 'cluster-invalid' } });
    expect(calls.filter((call) => call.startsWith('delete'))).toEqual([]);
  });

  test.each(['cluster-forbidden', 'cluster-invalid', 'cluster-unreachable'])('%s is told at once', async (code) => {
    const { fake, calls } = cluster({ hub: [error(code, 'spec.x: Invalid value')] });
    await expect(applyAll(fake, [manifest('Service', 'hub')])).rejects.toMatchObject({ facts: { code } });
    expect(calls).toHaveLength(1);
  });
});
