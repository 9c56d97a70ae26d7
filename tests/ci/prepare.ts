/**
 * Before the first test of a tier that needs Docker: the engine answers (installed and started if need be), and has the base image.
 * Whoever runs one suite alone on a new machine needs that as much as who runs all.
 */
import { ensureBaseImage } from '../cluster/base-image.ts';
import { ensureDocker } from '../cluster/docker-engine.ts';
import { progressOn } from '../cluster/progress.ts';

export default async function prepare(): Promise<void> {
  const progress = progressOn(process.stderr);
  await ensureDocker(progress);
  await ensureBaseImage(progress);
}
