/** What a run is asked for, and the parts it is given to work with. */
import type { Rule } from '../../protocol/rule.ts';
import type { TapEvent } from '../../protocol/tap.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import type { AppBuild } from '../image/app-build.ts';
import type { Steps } from '../steps/steps.ts';
import type { TargetRef } from '../target/parse-target.ts';
import type { TransportChoice } from '../link/transport.ts';
import type { VolumeModes } from '../volumes/modes.ts';
import type { Reporter } from '../ui/events.ts';
import type { ContainerFlags } from './app-container.ts';
import type { PullPolicy } from './app-image.ts';
import type { UsableLink } from './needs.ts';
import type { RunSummary } from './summary.ts';
import type { TrafficRequest } from './traffic.ts';

/** What the user says about the pod's volumes. */
export interface VolumesWish {
  /** `--no-volumes`. */
  none: boolean;
  modes: VolumeModes;
}

export interface RunRequest {
  flags: Omit<ContainerFlags, 'name'>;
  /** `--name`. */
  name?: string;
  /** Without `--name`: what bridge and container are called, with the user's name (default: the target, or the image). */
  base?: string;
  /** What the container is called, when not like the bridge. */
  containerName?: string;
  /** Builds `flags.image` instead of pulling it. */
  build?: AppBuild & { ours: boolean };
  pull: PullPolicy;
  /** `--watch`. */
  watch?: boolean;
  /** Of a detached one, what is asked of its ports: to accept connections (`--wait`), nothing because its program comes later, or (absent) a look and a warning. */
  serving?: 'wait' | 'later';
  /** Absent: only the cluster's network and a namespace's DNS. */
  target?: TargetRef;
  /** `-n`; absent: the context's. */
  namespace?: string;
  /** `--container`. */
  container?: string;
  ports: string[];
  rules: Rule[];
  hideServedBy: boolean;
  /** `--take-over`. */
  takeOver?: boolean;
  volumes: VolumesWish;
  traffic?: TrafficRequest;
  transport?: TransportChoice;
  /** `--lifetime`. */
  lifetime?: string;
  /** `--ttl`. */
  ttl?: string;
}

export interface RunParts {
  host: Host;
  reporter: Reporter;
  docker: () => Promise<Docker>;
  cluster: () => Promise<Cluster>;
  /** Installs when that is missing and wanted, then brings the link up; reports its own steps. */
  openLink: (docker: Docker, cluster: Cluster, steps: Steps) => Promise<UsableLink>;
  /** Removes what an earlier, killed run left behind; never fails. */
  sweep: (docker: Docker, cluster: Cluster, host: Pick<Host, 'process' | 'now'>, reporter: Reporter) => Promise<void>;
  /** Of the container, beside the usual ones; asked when the link is up. */
  labels?: () => Record<string, string>;
  /** Its name, when it is one of several runs: what becomes of each is told. */
  amongOthers?: string;
  /** Everything stands. */
  onReady: (summary: RunSummary) => void;
  /** Of a mirror that compares: a pair of answers. */
  onDifference?: (event: TapEvent) => void;
  /** Lines of the container's output instead of bytes (`-o json`). */
  onLine?: (stream: 'stdout' | 'stderr', line: string) => void;
}
