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
  env?: Record<string, string | number | boolean>;
  envOnly?: string | string[];
  envExcept?: string | string[];
  /** `SOURCE:PATH[:ro]`; relative sources begin in the working directory. */
  mounts?: string[];
  /** How volumes of the pod come: sync, live, ro, local or ignore, by their names. */
  volumes?: Record<string, string>;
  noVolumes?: boolean;
  /** `[HOST:]PORT`. */
  publish?: string | string[];
  command?: string | string[];
  workdir?: string;
  user?: string;
  entrypoint?: string;
  asPod?: boolean;
  limits?: boolean;
  mode?: 'steal' | 'mirror';
  fallback?: 'original' | 'fail';
  check?: string;

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
