/**
 * The cluster as the CLI sees it: plain objects in, plain objects out, no types of any SDK. Every method throws BridgeError
 * only: cluster-unreachable, cluster-unauthorized, cluster-forbidden, cluster-not-found, cluster-conflict,
 * cluster-already-exists, cluster-invalid, cluster-error.
 */
import type { ObjectMeta } from '../../../protocol/objects.ts';
import type { ResourceType } from './resources.ts';

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

export interface ContextInfo {
  /** Name of the kubeconfig context. */
  name: string;
  /** URL of the API server. */
  server: string;
  /** The context's namespace, `default` when it names none. */
  namespace: string;
  /** Name of the kubeconfig user entry (not the user name that the API server knows: that is whoAmI). */
  user: string;
  /** PEM of the cluster's CA; absent for system roots. */
  certificateAuthority?: string;
  /** Name that its certificate is for, where that is not the URL's host. */
  tlsServerName?: string;
  skipTlsVerify: boolean;
  /** HTTP(S) proxy between here and the server: the kubeconfig's, or the environment's. May hold a password. */
  proxyUrl?: string;
  /** The kubeconfig files that were read. */
  files: string[];
  /** How a pasteable kubectl line begins: `kubectl --context lab`, with `--kubeconfig` when that was chosen by flag. */
  kubectl: string;
}

export interface Who {
  username: string;
  uid?: string;
  groups: string[];
}

/** A right, as in `kubectl auth can-i VERB RESOURCE -n NAMESPACE`. */
export interface Access {
  verb: string;
  /** Plural, with group: `bridges.podbridge.dev`, `pods`, `deployments.apps`. */
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
}

export interface ListOptions {
  /** Absent: all namespaces (or a cluster-wide kind). */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface Listing<T> {
  items: T[];
  resourceVersion: string;
}

export type WatchEvent<T> =
  /** The whole state: first of all, and again whenever the watch had to start over. */
  | { type: 'synced'; items: T[] }
  | { type: 'added' | 'modified' | 'deleted'; object: T };

export interface WatchOptions extends ListOptions {
  /** Ends the iteration without an error. */
  signal?: AbortSignal;
}

export interface ApplyOptions {
  /** Default: fieldManager of protocol/names.ts. */
  fieldManager?: string;
  /** Take fields over from other managers. Default true: what we apply is ours alone. */
  force?: boolean;
  dryRun?: boolean;
}

export interface DeleteOptions {
  namespace?: string;
  propagation?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
}

export interface PatchOptions {
  namespace?: string;
  subresource?: 'status' | 'scale';
  /** merge: RFC 7386 (default); json: RFC 6902; strategic: Kubernetes' own, built-in kinds only. */
  strategy?: 'merge' | 'json' | 'strategic';
}

export interface UntilOptions {
  namespace?: string;
  timeoutMs: number;
  signal?: AbortSignal;
}

export interface LogOptions {
  follow?: boolean;
  timestamps?: boolean;
  container?: string;
  tailLines?: number;
  previous?: boolean;
}

/** A kind as discovery tells it. */
export interface DiscoveredKind extends ResourceType {
  singular: string;
  shortNames: string[];
  /** It has the scale subresource. */
  scales: boolean;
}

/** autoscaling/v1 Scale. */
export interface Scale {
  spec: { replicas?: number };
  status?: { replicas: number; selector?: string };
}

export interface Cluster {
  readonly context: ContextInfo;
  /** `v1.35.4`; the cheapest question there is, also the proof that the API server answers. */
  serverVersion(): Promise<string>;
  /** Who we are for the API server (SelfSubjectReview); asked once, then remembered. */
  whoAmI(): Promise<Who>;
  /** SelfSubjectAccessReview. */
  can(access: Access): Promise<boolean>;
  /** Throws cluster-not-found. */
  get<T extends KubeObject>(type: ResourceType, name: string, namespace?: string): Promise<T>;
  /** undefined when it is not there (or its kind is not). */
  find<T extends KubeObject>(type: ResourceType, name: string, namespace?: string): Promise<T | undefined>;
  /** Replicas and selector of anything that has the scale subresource. Throws cluster-not-found. */
  scale(type: ResourceType, name: string, namespace: string): Promise<Scale>;
  /** Every kind of the API groups (not of the core, whose kinds stand in resources.ts), in its preferred version. */
  kinds(): Promise<DiscoveredKind[]>;
  list<T extends KubeObject>(type: ResourceType, options?: ListOptions): Promise<Listing<T>>;
  /** Throws cluster-already-exists. The kind must stand in resources.ts, or be given. */
  create<T extends KubeObject>(object: T, type?: ResourceType, options?: Pick<ApplyOptions, 'dryRun'>): Promise<T>;
  /** Server-side apply: creates or changes; nothing changed returns the same resourceVersion. */
  apply<T extends KubeObject>(object: T, options?: ApplyOptions, type?: ResourceType): Promise<T>;
  patch<T extends KubeObject>(type: ResourceType, name: string, patch: unknown, options?: PatchOptions): Promise<T>;
  /** False when there was nothing to delete. Does not wait until it is gone. */
  delete(type: ResourceType, name: string, options?: DeleteOptions): Promise<boolean>;
  /** List, then watch from there; resumes by itself with jitter until the signal aborts. Throws only what will not heal (unauthorized, forbidden, not-found). */
  watch<T extends KubeObject>(type: ResourceType, options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /**
   * Watches one object until the predicate holds and returns it then; the predicate sees undefined while it is not there.
   * Throws cluster-timeout with the last state as cause.
   */
  until<T extends KubeObject>(type: ResourceType, name: string, predicate: (object: T | undefined) => boolean, options: UntilOptions): Promise<T | undefined>;
  /** TokenRequest for a ServiceAccount. The server may give a shorter life than asked for. */
  issueToken(account: string, namespace: string, seconds: number): Promise<IssuedToken>;
  /** Last lines of a pod's log; for error messages. */
  podLog(namespace: string, pod: string, options?: LogOptions): Promise<string>;
  /** Lines as they come; with `follow` until the container ends or the signal. */
  podLogLines(namespace: string, pod: string, options: LogOptions, signal: AbortSignal): AsyncIterable<string>;
  /** Headers (Authorization) and TLS material for a connection of one's own, e.g. a websocket. Exec plugins have run. */
  credentials(): Promise<Credentials>;
  /** Closes kept-alive connections. */
  close(): void;
}

export interface IssuedToken {
  token: string;
  /** RFC 3339, by this machine's clock. */
  issuedAt: string;
  expiresAt: string;
}

export interface Credentials {
  server: string;
  headers: Record<string, string>;
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  rejectUnauthorized?: boolean;
  servername?: string;
}
