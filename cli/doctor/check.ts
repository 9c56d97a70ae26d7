/** A check is one file of cli/doctor/checks: a question, and its findings. It repairs nothing and changes nothing. */
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import type { Host } from '../host.ts';
import type { Control } from '../link/control-client.ts';
import type { StatusSnapshot } from '../status/snapshot.ts';
import type { Area, Finding } from './finding.ts';
import type { Bridge, Client } from '../../protocol/objects.ts';

/** What checks stand on. Each is asked for once; a rejection is told by the check that is about it, and the others leave out what they cannot know. */
export interface DoctorContext {
  host: Host;
  docker: () => Promise<Docker>;
  cluster: () => Promise<Cluster>;
  /** Namespace that bridges are looked for in, and rights asked for. */
  namespace: () => Promise<string>;
  link: () => Promise<{ name: string; owner: string }>;
  /** The link's Client in the cluster. */
  client: () => Promise<Client | undefined>;
  /** Cargo's control connection; undefined when there is no link on this machine. */
  control: () => Promise<Control | undefined>;
  /** Link, bridges and containers as `bridge status` tells them. */
  status: () => Promise<StatusSnapshot>;
  /** Own bridges, as objects. */
  bridges: () => Promise<Bridge[]>;
}

export interface Check {
  id: string;
  area: Area;
  /** For the line that says what is looked at: `Docker`. */
  title: string;
  run(context: DoctorContext): Promise<Finding[]>;
}
