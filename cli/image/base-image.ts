import type { Docker } from '../adapters/docker/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';

/** What the Dockerfiles build on. */
export const baseImage = 'debian:trixie-slim';

/** An image of that name counts, wherever it comes from: where no registry can be reached, any Debian 13 may take its place. */
export async function ensureBaseImage(docker: Docker, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
  if (await docker.images.find(baseImage) !== undefined) return;
  try {
    await docker.images.pull(baseImage, { onLine, signal });
  } catch (error) {
    throw new BridgeError({
      kind: 'environment', code: 'base-image-unavailable', what: `${baseImage}, which podbridge's images build on, cannot be pulled`,
      why: 'no registry can be reached from here; an equal image under that name will do (debootstrap makes one: debootstrap --variant=minbase trixie DIR && tar -C DIR -c . | docker import - debian:trixie-slim)',
      next: `docker pull ${baseImage}`, cause: error, ...(isBridgeError(error) ? { detail: error.facts.why ?? error.facts.what } : {}),
    });
  }
}
