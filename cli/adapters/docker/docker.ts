/**
 * Docker as the CLI sees it: plain data and Node streams, no types of any SDK. One interface per noun. Every method throws
 * BridgeError only; codes: docker-unreachable, docker-denied, image-not-found, container-not-found, network-not-found, name-conflict,
 * port-in-use, address-in-use, network-overlap, command-not-found, user-unknown, mount-refused, pull-failed, build-failed, docker-error.
 */
import type { Duplex, Readable, Writable } from 'node:stream';

export interface Docker {
  readonly endpoint: DockerEndpoint;
  info(): Promise<DockerInfo>;
  readonly containers: Containers;
  readonly networks: Networks;
  readonly images: Images;
  readonly volumes: Volumes;
  /** Resumes by itself when the connection breaks, from where it stood; ends with the signal. */
  events(filter: EventFilter, signal: AbortSignal): AsyncIterable<DockerEvent>;
  /** Those that have been, from then (ms since 1970) to now. */
  pastEvents(filter: EventFilter, sinceMs: number): Promise<DockerEvent[]>;
}

export interface DockerEndpoint {
  /** `unix:///var/run/docker.sock`, `tcp://host:2376`, `ssh://user@host`, `npipe:////./pipe/docker_engine`. */
  url: string;
  /** Where it was found, for messages: `DOCKER_HOST`, `context colima`, `default`. */
  source: string;
}

export interface DockerInfo {
  /** Stable for a daemon; part of a link's identity. */
  id: string;
  name: string;
  /** `x86_64`, `aarch64`. */
  architecture: string;
  operatingSystem: string;
  serverVersion: string;
  /** `1.41`. */
  apiVersion: string;
  cpus: number;
  memoryBytes: number;
  /** Where it keeps images and containers; a path of its own machine. */
  rootDirectory: string;
  rootless: boolean;
}

export type Labels = Record<string, string>;

export interface Containers {
  /** Returns the id. Does not pull. */
  create(spec: ContainerSpec): Promise<string>;
  /** Running already: nothing happens. */
  start(id: string): Promise<void>;
  /** False when it did not run. */
  stop(id: string, timeoutS?: number): Promise<boolean>;
  /** False when it did not run. */
  kill(id: string, signal?: string): Promise<boolean>;
  restart(id: string, timeoutS?: number): Promise<void>;
  /** False when there was none. */
  remove(id: string, options?: { force?: boolean; volumes?: boolean }): Promise<boolean>;
  /** By id or name; undefined when there is none. */
  find(idOrName: string): Promise<ContainerInfo | undefined>;
  /** All of these labels; an empty value asks for the label alone. Stopped ones too, unless `running`. */
  list(labels: Labels, options?: { running?: boolean }): Promise<ContainerSummary[]>;
  /** Exit code; waits from now on, or for the next exit when `next` is given before the start. */
  wait(id: string, condition?: 'not-running' | 'next-exit' | 'removed'): Promise<number>;
  logs(id: string, options: LogOptions): Promise<OutputStreams>;
  /** What it uses at this moment; throws container-not-found, and gives zeros for one that does not run. */
  usage(id: string): Promise<ContainerUsage>;
  /** Before the start, so that no output is lost. */
  attach(id: string, options: { stdin: boolean; tty: boolean }): Promise<Attachment>;
  resize(id: string, size: TerminalSize): Promise<void>;
  /** Runs to its end. */
  exec(id: string, command: string[], options?: { stdin?: string | Buffer | Readable; env?: string[]; user?: string; workingDir?: string }): Promise<ExecResult>;
  /** A process whose streams stay open; ends when `stdin` ends or it does. */
  execStream(id: string, command: string[], options?: { tty?: boolean; env?: string[]; user?: string; workingDir?: string }): Promise<ExecStream>;
  /** A tar stream of files, unpacked at `path`. */
  putArchive(id: string, path: string, tar: Readable | Buffer): Promise<void>;
}

export interface ContainerSpec {
  name: string;
  image: string;
  labels: Labels;
  command?: string[];
  entrypoint?: string[];
  /** `NAME=VALUE`, or `NAME` to remove the image's. */
  env?: string[];
  workingDir?: string;
  user?: string;
  groups?: string[];
  hostname?: string;
  tty?: boolean;
  openStdin?: boolean;
  /** The first is the one it is created with; the others are connected before it starts. */
  networks?: NetworkAttachment[];
  /** Instead of networks of its own: those of the container with this id, which runs. */
  networkOf?: string;
  dns?: { servers: string[]; search?: string[]; options?: string[] };
  /** `name:address`. */
  extraHosts?: string[];
  /** As `docker run -v`: `source:target[:options]`. */
  binds?: string[];
  ports?: PortPublish[];
  capDrop?: string[];
  capAdd?: string[];
  /** Paths that are the same inside. */
  devices?: string[];
  sysctls?: Record<string, string>;
  pidsLimit?: number;
  memoryBytes?: number;
  /** Memory and swap together; equal to `memoryBytes`: no swap. */
  memorySwapBytes?: number;
  nanoCpus?: number;
  /** Weight when processors are contended; Docker's default is 1024. */
  cpuShares?: number;
  restart?: 'no' | 'unless-stopped';
  autoRemove?: boolean;
  readOnly?: boolean;
  /** As `docker run --security-opt`. */
  securityOptions?: string[];
}

export interface NetworkAttachment {
  network: string;
  ipv4Address?: string;
  aliases?: string[];
  /** Fixed, so that a container that replaces this one is known by its neighbours at once. */
  macAddress?: string;
  /** Who gives the default route; daemons before API 1.48 know only the order of names. */
  gatewayPriority?: number;
}

export interface PortPublish {
  containerPort: number;
  protocol: 'tcp' | 'udp';
  hostIp?: string;
  /** Absent: a free one. */
  hostPort?: number;
}

export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export interface ContainerSummary {
  id: string;
  name: string;
  image: string;
  imageId: string;
  labels: Labels;
  state: ContainerState;
  /** IPv4 address by network name; empty while it does not run. */
  addresses: Record<string, string>;
  /** Published on the host. */
  ports: PortPublish[];
  /** Id of the container whose network it lives in; absent: it has its own, or none is known. */
  networkOf?: string;
}

export interface ContainerInfo extends ContainerSummary {
  running: boolean;
  /** Another one after each start. */
  startedAt?: string;
  exitCode: number;
  /** As Docker writes it; of one that has not ended yet, the year 1. */
  finishedAt: string;
  outOfMemory: boolean;
  /** Of the last start's failure. */
  error: string;
  tty: boolean;
  /** By network name: what was asked for at creation, and what it has. */
  networks: Record<string, { id: string; requested: string | undefined; ipv4Address: string | undefined }>;
}

export interface ContainerUsage {
  /** Processor time since its start. */
  cpuNs: number;
  /** Without the page cache that the kernel can take back, as `docker stats` shows it. */
  memoryBytes: number;
}

export interface LogOptions {
  follow?: boolean;
  /** Lines from the end; absent: all. */
  tail?: number;
  /** Seconds since 1970. */
  since?: number;
  timestamps?: boolean;
  tty: boolean;
}

/** Both end when the source ends. With a TTY everything is in `stdout`. */
export interface OutputStreams {
  stdout: Readable;
  stderr: Readable;
  close(): void;
}

export interface Attachment extends OutputStreams {
  /** Its end closes the container's stdin. */
  stdin: Writable;
  /** Resolves when the container's side has ended. */
  ended: Promise<void>;
}

export interface ExecResult {
  /** 126 and 127: the command could not be run. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface ExecStream extends OutputStreams {
  stdin: Writable;
  /** Exit code; resolves when the process has ended or the connection broke (then -1). */
  ended: Promise<number>;
  resize(size: TerminalSize): Promise<void>;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

export interface Networks {
  /** Throws name-conflict, network-overlap. Returns the id. */
  create(spec: NetworkSpec): Promise<string>;
  list(labels?: Labels): Promise<NetworkInfo[]>;
  /** With its running containers. By id or name. */
  find(idOrName: string): Promise<NetworkInfo | undefined>;
  /** Connected already: nothing happens. */
  connect(network: string, container: string, options?: Omit<NetworkAttachment, 'network'>): Promise<void>;
  disconnect(network: string, container: string): Promise<boolean>;
  /** False when there was none. */
  remove(idOrName: string): Promise<boolean>;
}

export interface NetworkSpec {
  name: string;
  labels: Labels;
  subnet: string;
  gateway: string;
  /** Addresses that Docker gives to nobody, by a name for each. */
  auxiliary?: Record<string, string>;
  options?: Record<string, string>;
}

export interface NetworkInfo {
  id: string;
  name: string;
  driver: string;
  labels: Labels;
  /** RFC 3339. */
  created: string;
  subnets: string[];
  gateway: string | undefined;
  auxiliary: Record<string, string>;
  internal: boolean;
  /** Only from `find`. */
  containers: { id: string; name: string; ipv4Address: string }[];
}

export interface ImageInfo {
  id: string;
  tags: string[];
  labels: Labels;
  env: string[];
  user: string;
  workingDir: string;
  entrypoint: string[];
  command: string[];
  exposedPorts: { port: number; protocol: 'tcp' | 'udp' }[];
  architecture: string;
  /** Bytes. */
  size: number;
}

export interface Images {
  /** undefined when there is none here. */
  find(reference: string): Promise<ImageInfo | undefined>;
  list(labels: Labels): Promise<{ id: string; tags: string[]; labels: Labels }[]>;
  pull(reference: string, options: ProgressOptions & { auth?: RegistryAuth }): Promise<void>;
  /** @param context a tar with the Dockerfile. */
  build(context: Readable, options: BuildOptions): Promise<void>;
  tag(reference: string, target: string): Promise<void>;
  push(reference: string, options: ProgressOptions & { auth?: RegistryAuth }): Promise<void>;
  /** The format of `docker save`. */
  save(reference: string): Promise<Readable>;
  /** False when it is not there or a container uses it. */
  remove(idOrReference: string, options?: { force?: boolean }): Promise<boolean>;
}

export interface ProgressOptions {
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

export interface BuildOptions extends ProgressOptions {
  tag: string;
  labels: Labels;
  /** Path in the context; default `Dockerfile`. */
  dockerfile?: string;
  target?: string;
  buildArgs?: Record<string, string>;
}

export interface RegistryAuth {
  username?: string;
  password?: string;
  identitytoken?: string;
  serveraddress: string;
}

export interface Volumes {
  /** There already: nothing happens. Returns the folder where its content lies on the Docker host. */
  create(name: string, labels: Labels): Promise<string>;
  /** undefined when there is none. */
  find(name: string): Promise<{ name: string; labels: Labels; folder: string } | undefined>;
  list(labels: Labels): Promise<{ name: string; labels: Labels }[]>;
  /** False when there was none. */
  remove(name: string): Promise<boolean>;
}

export interface EventFilter {
  type?: 'container' | 'network' | 'volume' | 'image';
  events?: string[];
  labels?: Labels;
  container?: string;
}

export interface DockerEvent {
  type: string;
  /** `start`, `die`, `destroy`, `connect`. */
  action: string;
  id: string;
  attributes: Record<string, string>;
  timeNano: number;
}

/** A raw connection, for adapters. */
export type RawStream = Duplex;
