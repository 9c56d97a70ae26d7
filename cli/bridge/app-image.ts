/** The app's image: built, here already, or pulled by `--pull`. */
import type { Docker, ImageInfo, RegistryAuth } from '../adapters/docker/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { suggest } from '../parse/suggest.ts';
import type { Steps } from '../steps/steps.ts';
import type { RunRequest } from './run-request.ts';

export const pullPolicies = ['always', 'missing', 'never'] as const;
export type PullPolicy = (typeof pullPolicies)[number];

export interface ImageQuestion {
  image: string;
  pull: PullPolicy;
  signal: AbortSignal;
  waiting: (waitingFor: string) => void;
  /** For a private registry; asked only when something is pulled. */
  credentials: (registry: string) => Promise<RegistryAuth | undefined>;
}

/** As docker reads references: the first part is a registry when it looks like a host. Docker Hub's key in config.json is its old URL. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'https://index.docker.io/v1/';
}

export function imageOf({ flags: { image }, pull, build }: Pick<RunRequest, 'flags' | 'pull' | 'build'>, docker: Docker, host: Host, steps: Steps): Promise<ImageInfo> {
  return steps.run({
    id: 'image', title: `${build === undefined ? 'Image' : 'Build'} ${image}`,
    act: async ({ signal, waiting }) => {
      if (build !== undefined) return buildImage(docker, { host, build, image, signal, waiting });
      return ensureImage(docker, { image, pull, signal, waiting, credentials: async (registry) => (await import('../image/registry-credentials.ts')).registryCredentials(host, registry) });
    },
  });
}

const nearShown = 5;

/** Tags of this Docker that may have been meant: of the same name, wherever it comes from, or of one that is nearly the same. */
export async function nearImages(docker: Pick<Docker, 'images'>, image: string): Promise<string[]> {
  const tags = (await docker.images.list({}).catch(() => [])).flatMap((each) => each.tags);
  const nameOf = (reference: string): string => reference.split('/').at(-1)!.split(':')[0]!;
  const meant = suggest(nameOf(image), tags.map(nameOf));
  return tags.filter((tag) => nameOf(tag) === meant).slice(0, nearShown);
}

export interface BuildQuestion {
  host: Pick<Host, 'env'>;
  build: NonNullable<RunRequest['build']>;
  image: string;
  signal: AbortSignal;
  waiting: (waitingFor: string) => void;
}

export async function buildImage(docker: Docker, { host, build, image, signal, waiting }: BuildQuestion): Promise<ImageInfo> {
  const { buildAppImage } = await import('../image/app-build.ts');
  await buildAppImage({ docker, host, build, tag: image, ours: build.ours, signal, onLine: waiting });
  const built = await docker.images.find(image);
  if (built === undefined) throw new BridgeError({ kind: 'environment', code: 'image-not-found', what: `image ${image} was built, but Docker does not have it`, why: 'the builder keeps its images elsewhere', next: 'docker buildx ls' });
  return built;
}

export async function ensureImage(docker: Docker, { image, pull, signal, waiting, credentials }: ImageQuestion): Promise<ImageInfo> {
  const present = pull === 'always' ? undefined : await docker.images.find(image);
  if (present !== undefined) return present;
  if (pull === 'never') {
    throw new BridgeError({ kind: 'environment', code: 'image-not-found', what: `there is no image ${image} here`, why: '--pull never forbids looking for it anywhere else', next: `docker build -t ${image} .` });
  }
  try {
    const auth = await credentials(registryOf(image));
    await docker.images.pull(image, { onLine: waiting, signal, ...(auth === undefined ? {} : { auth }) });
  } catch (error) {
    if (signal.aborted || !isBridgeError(error)) throw error;
    const near = await nearImages(docker, image);
    const why = error.facts.why ?? error.facts.what;
    throw new BridgeError({
      ...error.facts, what: `there is no image ${image} here, and it cannot be pulled`, why: near.length === 0 ? why : `${why}\nhere ${near.length === 1 ? 'is' : 'are'}: ${near.join(', ')}`,
      next: near[0] !== undefined ? `bridge run --image ${near[0]} ...` : image.includes('/') ? `docker pull ${image}` : `bridge run --build DIR, or docker build -t ${image} .   (or name its registry: REGISTRY/${image})`, cause: error,
    });
  }
  const pulled = await docker.images.find(image);
  if (pulled === undefined) throw new BridgeError({ kind: 'environment', code: 'image-not-found', what: `image ${image} was pulled, but is not here`, next: `docker image inspect ${image}` });
  return pulled;
}
