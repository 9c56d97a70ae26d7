/** What HAProxy shall do, as data: {@link ./config.ts} turns it into a configuration. */
import type { Rule } from '../../../../protocol/rule.ts';
import type { Fallback, Mode } from '../../../../protocol/traffic.ts';

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
  /** The original stands still: probes are answered for it. */
  frozen: boolean;
  /** In any order; {@link ./order.ts} decides. */
  routes: Route[];
  /** Who is told of the requests. */
  taps: Tap[];
}

export interface Tap {
  /** `<namespace>/<name>` */
  bridge: string;
  /** Empty: every HTTP request. */
  rules: Rule[];
  headers: boolean;
  certificate: string | undefined;
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
  /** Who answers while the container does not. */
  fallback: Fallback;
  check: Check;
  /** PEM file with certificate and key, to open TLS with; undefined: TLS passes as it is. */
  certificate: string | undefined;
  /** What came by TLS goes to the container without. */
  plaintext: boolean;
  /** A PROXY protocol header stands before all that goes to the container. */
  proxyProtocol: boolean;
  mode: Mode;
  tapHeaders: boolean;
  /** Mode mirror: answers are compared. */
  diff: boolean;
  delayMs: number;
  fault: { percent: number; status: number } | undefined;
}

/** How HAProxy finds out whether the container can answer. */
export interface Check {
  /** Undefined: it accepts connections. Else GET of this path, at this hub port. */
  http: { path: string; port: number; tls: boolean } | undefined;
  /** The container expects a PROXY protocol header first. */
  proxyProtocol: boolean;
  /** It has gone up and down too often: it must stay up for a while before it gets traffic. */
  wary: boolean;
}

export interface HubPort {
  address: string;
  port: number;
}
