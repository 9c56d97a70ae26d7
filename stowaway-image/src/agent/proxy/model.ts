/** What HAProxy shall do, as data: {@link ./config.ts} turns it into a configuration. */
import type { Rule } from '../../../../protocol/rule.ts';

export interface ProxyModel {
  frontends: Frontend[];
}

/** One bridged TCP port of one pod; all bridges on it share it. */
export interface Frontend {
  /** Unique; letters, digits, `-` and `_`. Names the HAProxy sections. */
  id: string;
  /** Name of the pod's network namespace below /run/netns. */
  netns: string;
  podAddress: string;
  port: number;
  /** Where HAProxy listens in the pod's network namespace. */
  listenPort: number;
  /** The application speaks first: nothing may be inspected, so rules cannot apply. */
  serverFirst: boolean;
  /** Kubelet probes to this port that must be told apart here, and where they come from. */
  probes: { kinds: ('http' | 'grpc')[]; sources: string[] };
  /** In any order; {@link ./order.ts} decides. */
  routes: Route[];
}

/** One bridge's share of a port. */
export interface Route {
  /** `<namespace>/<name>` */
  bridge: string;
  createdAt: string;
  hub: HubPort;
  /** Empty: everything. */
  rules: Rule[];
  servedBy: boolean;
}

export interface HubPort {
  address: string;
  port: number;
}
