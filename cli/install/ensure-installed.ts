/** For commands that need the cluster side: it is there and fits, or is installed with the user's consent, or the error says how. */
import type { Cluster } from '../adapters/cluster/index.ts';
import { BridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { ask } from '../ui/ask.ts';
import type { Reporter } from '../ui/events.ts';
import { isInteractive } from '../ui/terminal.ts';
import { version } from '../version.ts';
import { compareVersions, findInstalled } from './version.ts';

export interface EnsureContext {
  cluster: Cluster;
  host: Host;
  reporter: Reporter;
  /** `--yes`: install without asking. */
  yes: boolean;
  /** Installs into this cluster: installHere of install-here.ts. */
  install: () => Promise<unknown>;
}

/** Returns the version that stands in the cluster then. */
export async function ensureInstalled({ cluster, host, reporter, yes, install }: EnsureContext): Promise<string> {
  const installed = await findInstalled(cluster);
  const fit = installed === undefined ? 'missing' : compareVersions(version, installed.version);
  if (installed !== undefined && (fit === 'same' || fit === 'fits')) return installed.version;
  const where = `context ${cluster.context.name} (${cluster.context.server})`;
  if (fit === 'cluster-newer') {
    throw new BridgeError({
      kind: 'environment', code: 'cli-too-old', what: `the cluster has podbridge ${installed?.version}, this is ${version}`, why: 'somebody has upgraded the cluster',
      next: `npm install --global podbridge@${installed?.version}`,
    });
  }
  if (!yes) {
    if (!isInteractive(host)) {
      throw new BridgeError({
        kind: 'environment', code: fit === 'missing' ? 'not-installed' : 'cluster-too-old', next: 'bridge install',
        what: fit === 'missing' ? `podbridge is not installed in ${where}` : `podbridge ${installed?.version} in ${where} is too old for this program (${version})`,
      });
    }
    const question = fit === 'missing'
      ? `podbridge is not installed in ${where}. Install it (namespace bridge-system, two custom resources, roles and policies)?`
      : `podbridge ${installed?.version} in ${where} is too old for this program (${version}). Upgrade it for everybody?`;
    if (!(await ask(host, reporter, question))) {
      throw new BridgeError({ kind: 'refused', code: 'declined', what: 'nothing was installed', next: 'bridge install' });
    }
  }
  await install();
  return version;
}
