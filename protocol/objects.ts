/** The two custom resources, as they stand in the cluster (group podbridge.dev, version v1alpha1). Schemas: crds.ts. */
import type { Preview } from './preview.ts';
import type { Rule } from './rule.ts';
import type { TargetName } from './target.ts';
import type { Traffic } from './traffic.ts';

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean; blockOwnerDeletion?: boolean }[];
}

/** As in Kubernetes: `type` is CamelCase and unique in the list, `reason` a CamelCase word, `message` for people. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime: string;
}

/** One link: a laptop's WireGuard peer. Lives in bridge-system. */
export interface Client {
  apiVersion: string;
  kind: 'Client';
  metadata: ObjectMeta;
  spec: ClientSpec;
  status?: ClientStatus;
}

export interface ClientSpec {
  /** User name as the API server knows it; an admission policy makes it the creating user. */
  owner: string;
  /** WireGuard public key (base64, 44 characters). The private key never leaves cargo. */
  publicKey: string;
  /** How long the client may be silent before it counts as Gone and its bridges are removed, as a Go duration. Default 12h. */
  ttl?: string;
}

export type ClientPhase = 'Pending' | 'Online' | 'Suspended' | 'Gone';

export interface ClientStatus {
  /** Written by the hub from heartbeats; absent means Pending. */
  phase?: ClientPhase;
  /** RFC 3339; written when the phase changes, not at every heartbeat. */
  lastSeen?: string;
  transport?: Transport;
  /** Written by the controller. The client's one WireGuard address, e.g. `100.96.0.7`. */
  address?: string;
  /** Written by the controller: what the laptop needs to know of the cluster. */
  cluster?: ClusterFacts;
  /** Written by the hub once the peer is configured. */
  hub?: HubFacts;
  /** Written by the hub now and then. */
  traffic?: ClientTraffic;
  conditions?: Condition[];
}

/** Bytes through the tunnel, of all hubs that there were. */
export interface ClientTraffic {
  fromClient: number;
  toClient: number;
}

export interface ClusterFacts {
  /** CIDRs of pods, services and nodes (nodes as /32), for overlap checks and routes. */
  ranges: string[];
  /** Address of the cluster DNS service and its domain (`cluster.local`). */
  dns: { server: string; domain: string };
  /** Where the hub's WireGuard port may be reached, in order of preference; never Docker's published ports. */
  endpoints: HubEndpoint[];
  /** Version of the cluster side (`podbridge.dev/version`). */
  version: string;
}

export interface HubEndpoint {
  /** `node`: node address and NodePort (used by transports docker and udp); `loadBalancer`: its ingress. */
  kind: 'node' | 'loadBalancer';
  host: string;
  port: number;
}

export interface HubFacts {
  publicKey: string;
  /** The hub's own WireGuard address, e.g. `100.96.0.1`. Heartbeats go there. */
  address: string;
  /** The client pool, e.g. `100.96.0.0/16`. */
  pool: string;
}

/** docker: cargo stands on the cluster's own Docker network; udp: NodePort or LoadBalancer; api: over the API server's port-forward. */
export type Transport = 'docker' | 'udp' | 'api';

/** One bridge: ports of the pods of one target, led to one container. Lives in the target's namespace. */
export interface Bridge {
  apiVersion: string;
  kind: 'Bridge';
  metadata: ObjectMeta;
  spec: BridgeSpec;
  status?: BridgeStatus;
}

export interface BridgeTarget extends TargetName {
  /** Whose environment and files are inherited; always filled in by the CLI. */
  container: string;
}

export type Protocol = 'TCP' | 'UDP';

export interface BridgePort {
  /** Port in the target pod. */
  port: number;
  protocol: Protocol;
  /** Port in the app container. */
  local: number;
}

export interface BridgeSpec extends Traffic {
  /** User name as the API server knows it; an admission policy makes it the creating user. */
  owner: string;
  /** Name of the Client in bridge-system that gets the traffic. */
  client: string;
  target: BridgeTarget;
  /** May be empty: then nothing is bridged and the bridge only gives access to the pod's identity. */
  ports: BridgePort[];
  /** Empty or absent: all traffic. */
  rules?: Rule[];
  /** Draining: agents send nothing new to the client and let open requests finish; then their entry in status.pods goes. */
  state?: 'Active' | 'Draining';
  /** Take the requests of a bridge that claims the same ones when its link is silent. Otherwise who was first keeps them. */
  takeOver?: boolean;
  /** Say in responses which side answered ({@link servedByHeader}); only with rules. Default true. */
  servedBy?: boolean;
  /** Where the container's connections come from: the hub's pod (default), or one of the target's pods. */
  egress?: 'hub' | 'pod';
  /** A Go duration after which the bridge is removed; counted from its creation. */
  lifetime?: string;
  /** Links for browsers. */
  previews?: Preview[];
}

export type BridgePhase = 'Pending' | 'Attaching' | 'Ready' | 'Suspended' | 'Draining' | 'Failed';

export interface BridgeStatus {
  /** Written by the controller, derived from pods, client and conditions. */
  phase?: BridgePhase;
  /** Number of pods that the target has now (not completed ones). Written by the controller. */
  desiredPods?: number;
  /** How agents recognise the target's pods. Written by the controller. */
  pods?: BridgePod[];
  podSelector?: PodSelector;
  /** One hub port per bridged port. Written by the controller. */
  ports?: AssignedPort[];
  /** The hub pod's address, where the hub ports are. Written by the controller. */
  hubAddress?: string;
  /** With `egress: pod`. Written by the controller. */
  egress?: BridgeEgress;
  /** For people: what `kubectl get bridges` shows. Written by the controller. */
  summary?: BridgeSummary;
  conditions?: Condition[];
  /** Times of `Ready` etc. stand in conditions. */
  observedGeneration?: number;
}

export interface BridgeEgress {
  /** From the clients' pool: what the container's packets have as their source in the tunnel. Only the bridge's client may use it. Stays as long as the bridge. */
  address: string;
  /** Number of the tunnel (VXLAN network identifier) between hub and pod; another one whenever the pod is another one. See egress.ts. */
  tunnel: number;
  /** The pod that packets leave from; absent while there is none. */
  pod?: string;
}

export interface BridgeSummary {
  /** `deploy/api`. */
  target: string;
  /** Attached pods of wanted ones: `2/3`. */
  pods: string;
  /** `8080,9090:3000`. */
  ports: string;
  /** `all`, or the rules. */
  match: string;
}

/** A label selector in string form (`app=api,tier in (a,b)`), or one pod by name. */
export type PodSelector = { labels: string } | { podName: string };

export interface AssignedPort extends BridgePort {
  hubPort: number;
}

/** Written by the agent of the pod's node, each by its own field manager (list map key: name). */
export interface BridgePod {
  name: string;
  node: string;
  /** The rules are in force in this pod (for a bridge without ports: its identity can be read). */
  ready: boolean;
  /** RFC 3339. */
  since: string;
  /** `address:port` of the agent, for the identity; the hub admits only these addresses to the bridge's hub ports. */
  agent: string;
  /** The pod's own IPv4 address. Needed for UDP, which comes to the hub from the pod itself (address translation, no proxy). */
  address?: string;
  /** Does the app container's port accept connections, as HAProxy's check sees it? False: requests go to the original. */
  serving?: boolean;
  /** The original's processes stand still; absent unless the bridge asks for it. */
  frozen?: boolean;
  /** The bridge's way out leads through this pod, and is open. */
  egress?: boolean;
  /** Why it is not ready, for people. */
  message?: string;
  /** What else people should know of it, though it is ready. */
  note?: string;
}
