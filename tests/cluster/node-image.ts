import { copyFile, cp, link, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ensureBaseImage, hasImage } from './base-image.ts';
import { ensureGoProgram, type GoProgram } from './go-build.ts';
import { contentHash } from './hash.ts';
import { managedBy } from './labels.ts';
import { withLock } from './lock.ts';
import { cacheFolder, recipeDir } from './paths.ts';
import type { Progress } from './progress.ts';

export const kubernetesVersion = '1.35.4';
const [kubernetesMajor, kubernetesMinor] = kubernetesVersion.split('.');
const versionPackage = 'k8s.io/component-base/version';

const kubernetes: GoProgram = {
  name: 'kube', module: 'kubernetes', title: `Kubernetes ${kubernetesVersion} (the first time: minutes)`,
  ldflags: `-X ${versionPackage}.gitVersion=v${kubernetesVersion} -X ${versionPackage}.gitMajor=${kubernetesMajor} -X ${versionPackage}.gitMinor=${kubernetesMinor}`,
};
const coredns: GoProgram = { name: 'coredns', module: 'coredns', title: 'CoreDNS', ldflags: '' };
const pause: GoProgram = { name: 'pause', module: 'pause', title: 'pause', ldflags: '' };

/** The program that is every component of Kubernetes, and kubectl, on this machine. */
export const kubeProgram = (progress: Progress): Promise<string> => ensureGoProgram(kubernetes, progress);

/** Name of the image that nodes are made from, as this recipe would build it now. */
export async function nodeImageName(): Promise<string> {
  const folders = ['node', 'kubernetes', 'coredns', 'pause'].map((name) => join(recipeDir, name));
  return `podbridge-test/node:${await contentHash({ texts: [kubernetesVersion, process.arch], folders })}`;
}

/** Builds the node image, and all that goes into it, unless Docker has it. Returns its name. */
export async function ensureNodeImage(progress: Progress): Promise<string> {
  const image = await nodeImageName();
  if (await hasImage(image)) return image;
  return withLock('node-image', progress, async () => {
    if (await hasImage(image)) return image;
    await ensureBaseImage(progress);
    // One after the other: each build uses all cores by itself.
    const kube = await kubeProgram(progress);
    const system = [
      { image: 'podbridge-test/coredns:1', program: await ensureGoProgram(coredns, progress), name: 'coredns' },
      { image: 'podbridge-test/pause:1', program: await ensureGoProgram(pause, progress), name: 'pause' },
    ];
    const context = await mkdtemp(join(await cacheFolder('build'), 'node-'));
    try {
      await progress.step('building the images of CoreDNS and pause', async () => {
        for (const { image: tag, program, name } of system) await buildFromScratch(tag, program, name, join(context, name));
        await execa('docker', ['save', '--output', join(context, 'images.tar'), ...system.map((each) => each.image)]);
      });
      await cp(join(recipeDir, 'node'), context, { recursive: true });
      await link(kube, join(context, 'kube')).catch(() => copyFile(kube, join(context, 'kube')));
      await progress.step('building the node image', () =>
        execa('docker', ['build', '--quiet', '--label', managedBy, '--tag', image, context], { all: true }));
    } finally {
      await rm(context, { recursive: true, force: true });
    }
    return image;
  });
}

/** An image of nothing but the program. @param context a folder that is made for it and removed */
export async function buildFromScratch(tag: string, program: string, name: string, context: string): Promise<void> {
  await cp(program, join(context, name), { recursive: true });
  await writeFile(join(context, 'Dockerfile'), `FROM scratch\nCOPY ${name} /${name}\nENTRYPOINT ["/${name}"]\n`);
  await execa('docker', ['build', '--quiet', '--label', managedBy, '--tag', tag, context], { all: true });
  await rm(context, { recursive: true, force: true });
}
