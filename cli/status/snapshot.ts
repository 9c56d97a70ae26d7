/** What `bridge status` knows at one moment. Plain data: the JSON answer, the lines and the screen are all made of it. */
import type { BridgeTarget } from '../../protocol/objects.ts';
import type { Rule } from '../../protocol/rule.ts';
import type { ToldTreatment } from '../bridge/taken-words.ts';

export interface StatusSnapshot {
  /** RFC 3339. */
  at: string;
  context: string;
  server: string;
  /** User name as the API server knows it. */
  owner: string;
  link: StatusLink;
  bridges: StatusBridge[];
  /** False: the cluster could not be asked, and they are as they were known last. */
  bridgesKnown: boolean;
  containers: StatusContainer[];
  /** Oldest first. */
  events: StatusEvent[];
  /** What could not be asked, in words. */
  problems: string[];
}

/** up: heartbeats come back; silent: they do not; down: there is no link on this machine. */
export type LinkState = 'up' | 'silent' | 'down';

export interface StatusLink {
  /** Name of the Client object. */
  name: string;
  state: LinkState;
  transport: string | null;
  endpoint: string | null;
  /** Median round trip of the last heartbeats, milliseconds. */
  latencyMs: number | null;
  /** Round trips of the last heartbeats, newest last, at most 60. */
  latenciesMs: number[];
  /** Bytes per second over the tunnel; null until there are two samples. */
  receivedPerSecond: number | null;
  sentPerSecond: number | null;
  /** Since the last WireGuard handshake. */
  handshakeAgeMs: number | null;
  /** Since the last answer to a heartbeat. */
  echoAgeMs: number | null;
  mtu: number | null;
}

export interface Requests {
  /** Since this agent counts them; see protocol/counters.ts. */
  local: number;
  original: number;
  failed: number;
  /** Null until there are two samples. */
  perSecond: { local: number; original: number; failed: number } | null;
}

export interface StatusBridge extends ToldTreatment {
  namespace: string;
  name: string;
  target: BridgeTarget;
  ports: { port: number; protocol: string; local: number }[];
  rules: Rule[];
  phase: string;
  /** Of the condition `Ready`. */
  reason: string;
  message: string;
  pods: { name: string; node: string; ready: boolean; serving: boolean | null; message: string | null; frozen?: boolean }[];
  /** Null while the controller has not counted them. */
  desiredPods: number | null;
  /** Does the container's port accept connections? Null: not known. */
  serving: boolean | null;
  /** Null: no agent tells. */
  requests: Requests | null;
  /** Name of its container; null when that is not on this machine. */
  container: string | null;
  created: string | null;
  /** A request that this bridge takes, to be completed with a URL. */
  curl: string | null;
}

export interface StatusContainer {
  name: string;
  id: string;
  image: string;
  /** `namespace/name`; null without a target. */
  bridge: string | null;
  state: string;
  address: string | null;
  /** `127.0.0.1:8080->80/tcp`. */
  published: string[];
  /** Of one processor; null until there are two samples, or while it does not run. */
  cpuPercent: number | null;
  memoryBytes: number | null;
}

export interface StatusEvent {
  /** RFC 3339. */
  at: string;
  severity: 'info' | 'warning' | 'error';
  /** `bridge shop/api-ann`, `container api-ann`, `link`. */
  subject: string;
  text: string;
}
