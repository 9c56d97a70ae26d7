/**
 * What the CLI says to cargo: JSON lines over cargo's unix socket, reached by `docker exec -i <cargo> socat STDIO UNIX-CONNECT:<socket>`.
 * One request per line, answers carry the request's id and may come in any order. A connection that has asked for a
 * lifeline and ends without `release` means that the CLI died. A line whose id cannot be read is answered with {@link noRequestId}.
 */
import type { CountersAnswer } from './counters.ts';
import type { FilesOffer } from './files.ts';
import type { BridgeRef, SessionRef } from './heartbeat.ts';
import type { Identity } from './identity.ts';
import type { Transport } from './objects.ts';
import type { RulesCheckAnswer } from './rules-check.ts';
import type { TapAnswer } from './tap.ts';

export const controlSocket = '/run/podbridge/control.sock';

/** Id of answers to lines that are not requests at all. */
export const noRequestId = -1;

export interface ControlRequest<M extends ControlMethod = ControlMethod> {
  id: number;
  method: M;
  params: ControlMethods[M]['params'];
}

export type ControlAnswer<M extends ControlMethod = ControlMethod> =
  | { id: number; result: ControlMethods[M]['result'] }
  | { id: number; error: { code: ControlErrorCode; message: string } };

/** usage: a malformed request; unreachable: the agent or hub could not be reached; refused: it answered with an error; internal: a defect. */
export type ControlErrorCode = 'usage' | 'unreachable' | 'refused' | 'internal';

export type ControlMethod = keyof ControlMethods;

export interface ControlMethods {
  /** Who is there. Answered as soon as the key exists, before any link. */
  hello: { params: Record<string, never>; result: { version: string; publicKey: string; configured: boolean } };
  /** Set up (or change) the link. Idempotent; survives `docker restart`, so containers keep their route. */
  configure: { params: LinkConfig; result: { implementation: 'kernel' | 'wireguard-go' } };
  /** The way over the API server, and the token for it. Given again before the token expires; touches nothing that stands. Survives `docker restart`. */
  relay: { params: RelayAccess; result: Record<string, never> };
  /** With `waitForEchoMs`: answered as soon as a heartbeat has come back, at the latest after that time. */
  status: { params: { waitForEchoMs?: number }; result: LinkStatus };
  /** Lead hub ports to a container, and with `egress` what it sends to a pod. Replaces what there was of the bridge. */
  forward: { params: { bridge: BridgeRef; forwards: Forward[]; egress?: ContainerEgress }; result: Record<string, never> };
  /** Until this connection ends, the bridge's containers get nothing new: connections are refused, so that agents give them to the originals. What is open goes on. */
  rest: { params: { bridge: BridgeRef }; result: Record<string, never> };
  unforward: { params: { bridge: BridgeRef }; result: Record<string, never> };
  /** Ask an agent for the pod's identity, and open it with cargo's key. */
  identity: { params: { agent: string; bridge: BridgeRef }; result: Identity };
  /** Ask an agent how many requests of a bridge went where on its node. */
  counters: { params: { agent: string; bridge: BridgeRef }; result: Pick<CountersAnswer, 'epoch' | 'counters'> };
  /** Ask an agent whether a bridge's rules are in force in the pods of its node. */
  rules: { params: { agent: string; bridge: BridgeRef }; result: Pick<RulesCheckAnswer, 'pods'> };
  /** Measure what only cargo can: takes up to a few seconds. */
  check: { params: Record<string, never>; result: LinkCheck };
  /**
   * Ask agents, one after the other, which files the pod has. From now on, until `unforward`, cargo gives the containers that bring files tickets for
   * this bridge, from these agents and from those that they name.
   */
  files: { params: { agents: string[]; bridge: BridgeRef }; result: FilesOffer };
  /** Ask an agent for what a bridge of mode tap has seen, and open it with cargo's key. Waits a moment when there is nothing. */
  tap: { params: { agent: string; bridge: BridgeRef; after: number }; result: TapAnswer };
  /** From now on the end of this connection means that the session of this bridge has ended: forwards go, and the hub is told to delete it. */
  lifeline: { params: { bridge: SessionRef }; result: Record<string, never> };
  release: { params: { bridge: BridgeRef }; result: Record<string, never> };
}

export interface LinkConfig {
  /** This client's WireGuard address. */
  address: string;
  /** `endpoints`: where its WireGuard port may be; the next is tried when one is silent. Not used, and perhaps empty, with transport api. */
  hub: { publicKey: string; endpoints: Endpoint[]; address: string };
  /** The wanted one; api: no other. */
  transport: Transport;
  /** Go over the API server while the endpoints are silent. */
  fallBack: boolean;
  /** On the way to the endpoints; over the API server it is larger. */
  mtu: number;
  dns: { server: string; domain: string };
  /** CIDR of the Docker network whose containers use this link, the address that they have as gateway and DNS (cargo takes it), and the network's real gateway: cargo's own way out. */
  network: { subnet: string; address: string; gateway: string };
}

export interface Endpoint {
  host: string;
  port: number;
}

/** How cargo opens a port-forward to the hub. Holds a secret: the token. */
export interface RelayAccess {
  /** URL of the API server as the kubeconfig has it; its certificate is checked against this host, or `serverName`. */
  server: string;
  /** Where that server (with `proxy`: the proxy) may be reached from a container, in order of preference. */
  addresses: Endpoint[];
  serverName?: string;
  /** PEM; absent: the usual public ones. */
  certificateAuthority?: string;
  /** As `insecure-skip-tls-verify`. */
  insecure: boolean;
  /** URL of an HTTP proxy, with its password if it needs one. */
  proxy?: string;
  /** Of the port-forward, with query, below the server's URL. */
  path: string;
  token: string;
  /** RFC 3339. */
  issuedAt: string;
  expiresAt: string;
}

/** off: not needed at present. */
export interface RelayStatus {
  state: 'off' | 'connecting' | 'open';
  /** Why the last attempt failed, while it is not open. */
  problem: string | null;
  /** The API server does not accept the token. */
  refused: boolean;
  issuedAt: string;
  expiresAt: string;
}

export interface LinkStatus {
  /** The one in use just now. */
  transport: Transport;
  /** The only one that may be used; null: chosen by what works. */
  only: Transport | null;
  endpoint: string;
  /** Milliseconds since the last WireGuard handshake; null before the first. */
  handshakeAgeMs: number | null;
  /** Milliseconds since the last echo of a heartbeat; null before the first. */
  echoAgeMs: number | null;
  /** Round trip of the last heartbeats, newest last, at most 60. */
  rttMs: number[];
  rxBytes: number;
  txBytes: number;
  mtu: number;
  /** null: cargo was given no way over the API server. */
  relay: RelayStatus | null;
  /** Of the last heartbeats (at most 60, those on their way left out): how many were sent, and how many never came back. */
  heartbeats?: { sent: number; lost: number };
  forwards: { bridge: BridgeRef; forwards: Forward[] }[];
  /** Bridges whose makers hold a lifeline. */
  sessions: BridgeRef[];
}

export interface LinkCheck {
  /** IP packets of these sizes through the tunnel: does the hub answer them? */
  packets: { bytes: number; answered: boolean }[];
  /** A name of the cluster, asked of cargo's own DNS as containers do. */
  dns: { name: string; addresses: string[]; elapsedMs: number; error?: string };
}

/** `--egress pod`: the hub knows by the source address where to let the container's packets out. */
export interface ContainerEgress {
  /** The app container's address in the link's network. */
  container: string;
  /** The bridge's address in the tunnel. */
  address: string;
}

export interface Forward {
  hubPort: number;
  protocol: 'TCP' | 'UDP';
  /** The app container's address in the link's network, and the port there. */
  address: string;
  port: number;
}
