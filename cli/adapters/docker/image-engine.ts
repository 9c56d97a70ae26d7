/** What building and spreading our images asks of Docker: plain data and streams, no types of any SDK. Every method throws BridgeError only. */
import type { Readable } from 'node:stream';

export interface EngineInfo {
  /** The daemon's host name; a cluster node of the same name with a docker:// runtime is this very daemon. */
  name: string;
  /** `x86_64`, `aarch64`. */
  architecture: string;
}

export interface ImageSummary {
  id: string;
  /** `podbridge/stowaway:0.1.0-...`; empty for an untagged image. */
  tags: string[];
  labels: Record<string, string>;
}

export interface RunningContainer {
  id: string;
  name: string;
  labels: Record<string, string>;
  /** Its addresses in all its networks. */
  addresses: string[];
}

export interface RegistryAuth {
  username?: string;
  password?: string;
  identitytoken?: string;
  serveraddress: string;
}

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface ImageEngine {
  info(): Promise<EngineInfo>;
  /** Id of an image, undefined when Docker has none of that name. */
  imageId(reference: string): Promise<string | undefined>;
  /** `labels`: `name=value` each; all must match. */
  images(labels: string[]): Promise<ImageSummary[]>;
  pull(reference: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  /** @param context a tar with the Dockerfile at its root */
  build(context: Readable, options: { tag: string; labels: Record<string, string> }, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  tag(reference: string, target: string): Promise<void>;
  push(reference: string, auth: RegistryAuth | undefined, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  /** The format of `docker save`. */
  save(reference: string): Promise<Readable>;
  /** False when it is not there, or when a container uses it. */
  removeImage(idOrReference: string): Promise<boolean>;
  runningContainers(): Promise<RunningContainer[]>;
  exec(container: string, command: string[], stdin?: Readable): Promise<ExecResult>;
}
