import { describe, expect, test } from '@jest/globals';
import type { Docker } from '../../../cli/adapters/docker/index.ts';
import type { Location } from '../../../cli/image/local-nodes.ts';
import { removeImages } from '../../../cli/image/remove-images.ts';
import { labels, managedBy } from '../../../protocol/names.ts';

const ours = 'podbridge/cargo:0.1.0-0123456789ab';

function docker(images: { id: string; tags: string[]; component: string }[], used: string[] = []) {
  const removed: string[] = [];
  const fake = {
    images: {
      list: async (wanted: Record<string, string>) => {
        expect(wanted[labels.managedBy]).toBe(managedBy);
        return images.filter(({ component }) => component === wanted[labels.component]).map(({ id, tags }) => ({ id, tags, labels: {} }));
      },
      remove: async (reference: string) => {
        if (used.includes(reference)) return false;
        removed.push(reference);
        return true;
      },
    },
  };
  return { fake: fake as unknown as Docker, removed };
}

describe('removing our images from Docker', () => {
  const elsewhere: Location = { kind: 'elsewhere', architectures: [] };

  test('all versions, under all names that podbridge gave, and what has lost its name', async () => {
    const { fake, removed } = docker([
      { id: 'sha256:1', tags: [ours], component: 'cargo' }, { id: 'sha256:2', tags: [], component: 'cargo' }, { id: 'sha256:4', tags: [], component: 'node' },
      { id: 'sha256:3', tags: ['podbridge/stowaway:0.2.0-rc.1-ba9876543210', 'registry:5000/acme/podbridge-stowaway:0.2.0-rc.1-ba9876543210'], component: 'stowaway' },
    ]);
    expect(await removeImages(fake, elsewhere)).toBe(5);
    expect(removed).toEqual([ours, 'sha256:2', 'podbridge/stowaway:0.2.0-rc.1-ba9876543210', 'registry:5000/acme/podbridge-stowaway:0.2.0-rc.1-ba9876543210', 'sha256:4']);
  });

  test('names that somebody else gave stay, and so does what a container uses', async () => {
    const { fake, removed } = docker([{ id: 'sha256:1', tags: ['podbridge/cargo:mine', ours], component: 'cargo' }, { id: 'sha256:2', tags: [`${ours.slice(0, -1)}c`], component: 'cargo' }], [`${ours.slice(0, -1)}c`]);
    expect(await removeImages(fake, elsewhere)).toBe(1);
    expect(removed).toEqual([ours]);
  });
});
