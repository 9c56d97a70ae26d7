/** The app's image: here already, or pulled, by `--pull`. */
import type { Docker, ImageInfo } from '../adapters/docker/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';

export const pullPolicies = ['always', 'missing', 'never'] as const;
export type PullPolicy = (typeof pullPolicies)[number];

export interface ImageQuestion {
  image: string;
  pull: PullPolicy;
  signal: AbortSignal;
  waiting: (waitingFor: string) => void;
}

export async function ensureImage(docker: Docker, { image, pull, signal, waiting }: ImageQuestion): Promise<ImageInfo> {
  const present = pull === 'always' ? undefined : await docker.images.find(image);
  if (present !== undefined) return present;
  if (pull === 'never') {
    throw new BridgeError({ kind: 'environment', code: 'image-not-found', what: `there is no image ${image} here`, why: '--pull never forbids looking for it anywhere else', next: `docker build -t ${image} .` });
  }
  try {
    await docker.images.pull(image, { onLine: waiting, signal });
  } catch (error) {
    if (signal.aborted || !isBridgeError(error)) throw error;
    throw new BridgeError({
      ...error.facts, what: `there is no image ${image} here, and it cannot be pulled`, why: error.facts.why ?? error.facts.what,
      next: image.includes('/') ? `docker pull ${image}` : `docker build -t ${image} .   (or name its registry: REGISTRY/${image})`, cause: error,
    });
  }
  const pulled = await docker.images.find(image);
  if (pulled === undefined) throw new BridgeError({ kind: 'environment', code: 'image-not-found', what: `image ${image} was pulled, but is not here`, next: `docker image inspect ${image}` });
  return pulled;
}
