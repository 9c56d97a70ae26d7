/**
 * podbridge as a library: a container takes the place of a workload of a Kubernetes cluster for as long as your program wants it.
 * The same as `bridge run`, which is made of the same parts.
 */

/** A rule: all of its conditions must hold. Several marks or paths are alternatives. */
export interface BridgeRule {
  /** Requests with the W3C baggage member `bridge=<mark>`. */
  mark?: string | string[];
  /** `NAME=VALUE`, `NAME^=PREFIX`, `NAME~=REGEX`, or names and values. */
  headers?: string | string[] | Record<string, string>;
  path?: string | string[];
  pathPrefix?: string | string[];
  pathRegex?: string | string[];
  method?: string | string[];
}

/** What a service of a bridge.yaml may say (docs/project-file.md describes each key), and where and how long it stands. */
export interface BridgeOptions {
  /** Image of the container; Docker has it, or can pull it. Either this or `build`. */
  image?: string;
  build?: string | { context?: string; dockerfile?: string; target?: string; args?: Record<string, string> | string[] };
  /** `deploy/api`, `sts/db`, `ds/x`, `rs/x`, `pod/x`, `job/x`, `svc/x`; absent: the container only stands in the cluster's network. */
  target?: string;
  namespace?: string;
  /** Which container of the target. */
  container?: string;
  /** `POD[:CONTAINER][/udp]` by number or name; absent: those that the target declares. */
  ports?: string | number | (string | number)[];
  /** Absent: all traffic. */
  rules?: BridgeRule | BridgeRule[];
  /** Null: the value that the variable has in this process. */
  env?: Record<string, string | number | boolean | null> | string[];
  /** Files with `NAME=VALUE` lines; relative ones begin in the working directory. */
  envFiles?: string | string[];
  envOnly?: string | string[];
  envExcept?: string | string[];
  /** `SOURCE:PATH[:ro]`; relative sources begin in the working directory. */
  mounts?: (string | { source: string; target: string; readOnly?: boolean })[];
  /** How volumes of the pod come, by their names. */
  volumes?: Record<string, 'sync' | 'live' | 'ro' | 'local' | 'ignore'> | string | string[];
  noVolumes?: boolean;
  /** `[HOST:]PORT`. */
  publish?: string | number | (string | number)[];
  /** `[HOST:]PORT` of a debugger: published on 127.0.0.1, under the same number or HOST. */
  debug?: string | number | (string | number)[];
  command?: string | string[];
  workdir?: string;
  user?: string | number;
  entrypoint?: string;
  asPod?: boolean;
  limits?: boolean;
  /** The container's own connections come from the hub (default), or from a pod of the target. */
  egress?: 'hub' | 'pod';
  /** When to pull the image. Default missing. */
  pull?: 'always' | 'missing' | 'never';
  /** The bridge ends so long after it was made, whatever happens: `30m`, `12h`. */
  lifetime?: string;
  mode?: 'steal' | 'mirror';
  /** No x-bridge-served-by header in responses. */
  hideServedBy?: boolean;
  fallback?: 'original' | 'fail';
  /** When the container counts as up: `tcp`, `http:PATH`, `http:PORT/PATH` or https. */
  check?: string;
  /** Requests that a rule chooses wait so long: milliseconds, or `1.5s`. */
  delay?: string | number;
  /** `PERCENT` or `PERCENT:STATUS`: so many of 100 requests that a rule chooses are answered with that status (503) instead. */
  fault?: string | number;
  /** The original's processes stand still while the container serves. */
  freeze?: boolean;
  /** Open TLS with `CERT[,KEY]`, PEM files of the target's container. */
  tlsCert?: string;
  /** The same with the Secret of this name, which the target's container has mounted. */
  tlsSecret?: string;
  /** What came by TLS goes to the container without. */
  plaintext?: boolean;
  /** Tell the container the client's address by the PROXY protocol, version 2. */
  proxyProtocol?: boolean;

  /** Of bridge and container; absent: from the target and the user. */
  name?: string;
  /** Of the kubeconfig; absent: its current context. */
  context?: string;
  kubeconfig?: string;
  transport?: 'auto' | 'docker' | 'udp' | 'api';
  /** False: resolve when every pod is attached, although the program may not listen yet. Default true. */
  wait?: boolean;
  /** Gives up, and undoes what was made. */
  signal?: AbortSignal;
  /** The story: the events that `--progress json` writes (docs/ci.md). */
  onEvent?: (event: BridgeEvent) => void;
  /** Lines of the container's output. */
  onOutput?: (stream: 'stdout' | 'stderr', line: string) => void;
}

export type BridgeEvent =
  | { type: 'step-started' | 'step-undone'; id: string; title: string; at: number }
  | { type: 'step-waiting'; id: string; waitingFor: string; at: number }
  | { type: 'step-done' | 'step-failed' | 'step-abandoned'; id: string; title: string; detail?: string; elapsedMs: number; at: number }
  | { type: 'note'; text: string; at: number }
  | { type: 'warning'; code: string; text: string; next?: string; at: number };

export interface CommandResult {
  /** 126 and 127: it could not be run. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface RunningBridge {
  /** null without a target. */
  readonly bridge: { namespace: string; name: string } | null;
  readonly container: { id: string; name: string; address: string; image: string };
  readonly ports: { port: number; protocol: string; local: number }[];
  readonly pods: { name: string; node: string }[];
  /** Resolves with the container's exit code when it ends, by itself or by {@link RunningBridge.stop}. */
  readonly exited: Promise<number>;
  /** Runs a command in the container, with its environment, files and network. */
  exec(command: string[], options?: { env?: Record<string, string>; user?: string; workdir?: string; input?: string }): Promise<CommandResult>;
  /** Ends bridge and container: open requests may finish first. A second call does nothing. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What `createBridge` rejects with. `code` is one of docs/errors.md. */
export interface BridgeFailure extends Error {
  readonly code: string;
  readonly kind: 'usage' | 'environment' | 'refused' | 'timeout' | 'defect';
  readonly why?: string;
  /** What to do next. */
  readonly next?: string;
}

/**
 * Makes a container that takes the place of the target, and resolves when it has it. The cluster side must be installed. When this
 * process dies, the bridge ends: requests go to the pods, and the next `bridge` command removes the container.
 */
export function createBridge(options: BridgeOptions): Promise<RunningBridge>;
