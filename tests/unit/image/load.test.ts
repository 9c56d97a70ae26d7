import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import type { Docker, ExecResult } from '../../../cli/adapters/docker/index.ts';
import { loadIntoNodes, nodesLacking, removeFromNodes } from '../../../cli/image/load.ts';
import type { LocalNode, Runtime } from '../../../cli/image/local-nodes.ts';
import { qualified } from '../../../cli/image/node-tools.ts';

const node = (name: string, runtime: Runtime = 'docker'): LocalNode => ({ name, container: name, runtime });

/** Nodes with a container runtime that only remembers: what each was asked, and what it was given on stdin. */
function nodes(present: Record<string, string[]>, failing: string[] = []) {
  const asked: string[] = [];
  const given: Record<string, string> = {};
  let saved = 0;
  const docker = {
    images: { save: async () => { saved++; return Readable.from([Buffer.from('archive')]); } },
    containers: {
      async exec(container: string, command: string[], options: { stdin?: Readable } = {}): Promise<ExecResult> {
        asked.push(`${container}: ${command.join(' ')}`);
        if (options.stdin !== undefined) for await (const chunk of options.stdin) given[container] = (given[container] ?? '') + String(chunk);
        if (command.includes('load') && failing.includes(container)) return { exitCode: 1, stdout: '', stderr: 'some words\nno space left on device\n' };
        if (command.includes('--quiet') && command.at(-1) !== '--quiet') return { exitCode: 0, stdout: (present[container] ?? []).includes(command.at(-1) ?? '') ? 'id\n' : '', stderr: '' };
        return { exitCode: 0, stdout: (present[container] ?? []).join('\n'), stderr: '' };
      },
    },
  } as unknown as Docker;
  return { docker, asked, given, saved: () => saved };
}

describe('loading', () => {
  test('goes to the nodes that lack the image, and only there', async () => {
    const { docker, given } = nodes({ a: ['podbridge/stowaway:1'], b: ['podbridge/stowaway:0'] });
    const lacking = await nodesLacking(docker, 'podbridge/stowaway:1', [node('a'), node('b')]);
    expect(lacking).toEqual([node('b')]);
    await loadIntoNodes(docker, 'podbridge/stowaway:1', lacking, () => undefined);
    expect(given).toEqual({ b: 'archive' });
  });

  test('when all have it, nothing is read from Docker', async () => {
    const { docker, saved } = nodes({ a: ['podbridge/stowaway:1'] });
    expect(await nodesLacking(docker, 'podbridge/stowaway:1', [node('a')])).toEqual([]);
    expect(saved()).toBe(0);
  });

  test('a node that cannot take it is named, with its reason', async () => {
    const { docker } = nodes({}, ['b']);
    await expect(loadIntoNodes(docker, 'podbridge/stowaway:1', [node('a'), node('b')], () => undefined)).rejects.toMatchObject({ facts: { code: 'image-load-failed', what: expect.stringContaining('node b') as unknown, why: 'no space left on device' } });
  });
});

describe('removing', () => {
  test('takes all versions of ours and nothing else', async () => {
    const { docker, asked } = nodes({ a: ['docker.io/podbridge/stowaway:1', 'docker.io/podbridge/stowaway:2', 'docker.io/podbridge/stowaway-not:1', 'docker.io/library/nginx:1'] });
    expect(await removeFromNodes(docker, 'podbridge/stowaway', [node('a', 'containerd')])).toBe(2);
    expect(asked.at(-1)).toBe('a: ctr --namespace k8s.io images remove docker.io/podbridge/stowaway:1 docker.io/podbridge/stowaway:2');
  });

  test('asks for nothing where there is nothing', async () => {
    const { docker, asked } = nodes({ a: ['docker.io/library/nginx:1'] });
    expect(await removeFromNodes(docker, 'podbridge/stowaway', [node('a', 'containerd')])).toBe(0);
    expect(asked).toHaveLength(1);
  });
});

test.each([
  ['nginx', 'docker.io/library/nginx:latest'], ['podbridge/stowaway:1', 'docker.io/podbridge/stowaway:1'], ['ghcr.io/a/b:2', 'ghcr.io/a/b:2'], ['localhost/x', 'localhost/x:latest'], ['host:5000/a/b', 'host:5000/a/b:latest'],
])('containerd calls %s %s', (reference, full) => {
  expect(qualified(reference)).toBe(full);
});
