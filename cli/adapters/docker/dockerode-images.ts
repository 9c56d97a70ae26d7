/** Images through the Docker API. Errors that come inside a 200 stream (pull, build, push) are errors here too. */
import { PassThrough, type Duplex, type Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import { BridgeError } from '../../errors.ts';
import type { EngineInfo, ExecResult, ImageEngine, ImageSummary, RegistryAuth, RunningContainer } from './image-engine.ts';

interface StreamEvent {
  stream?: string;
  status?: string;
  id?: string;
  progress?: string;
  error?: string;
  errorDetail?: { message?: string };
}

export class DockerodeImages implements ImageEngine {
  readonly #docker: Dockerode;

  constructor(docker: Dockerode) {
    this.#docker = docker;
  }

  async info(): Promise<EngineInfo> {
    const { Name, Architecture } = await asked('ask Docker about itself', () => this.#docker.info()) as { Name: string; Architecture: string };
    return { name: Name, architecture: Architecture };
  }

  async imageId(reference: string): Promise<string | undefined> {
    return asked(`look for image ${reference}`, async () => {
      try {
        return (await this.#docker.getImage(reference).inspect()).Id;
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  }

  async images(labels: string[]): Promise<ImageSummary[]> {
    const images = await asked('list images', () => this.#docker.listImages({ filters: { label: labels } }));
    // An untagged image is listed as <none>:<none>.
    return images.map(({ Id, RepoTags, Labels }) => ({ id: Id, tags: (RepoTags ?? []).filter((tag) => !tag.startsWith('<none>')), labels: Labels ?? {} }));
  }

  async pull(reference: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    await asked(`pull ${reference}`, async () => this.#follow(await this.#docker.pull(reference, { abortSignal: signal }), onLine));
  }

  async build(context: Readable, { tag, labels }: { tag: string; labels: Record<string, string> }, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    await asked(`build ${tag}`, async () => this.#follow(await this.#docker.buildImage(context, { t: tag, labels, rm: true, forcerm: true, abortSignal: signal }), onLine));
  }

  async tag(reference: string, target: string): Promise<void> {
    const colon = target.lastIndexOf(':');
    await asked(`tag ${reference}`, () => this.#docker.getImage(reference).tag({ repo: target.slice(0, colon), tag: target.slice(colon + 1) }));
  }

  async push(reference: string, auth: RegistryAuth | undefined, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    // Docker demands the header even where no credentials are needed.
    await asked(`push ${reference}`, async () => this.#follow(await this.#docker.getImage(reference).push({ authconfig: auth ?? {}, abortSignal: signal } as object), onLine));
  }

  async save(reference: string): Promise<Readable> {
    return asked(`save ${reference}`, async () => await this.#docker.getImage(reference).get() as Readable);
  }

  async removeImage(idOrReference: string): Promise<boolean> {
    return asked(`remove image ${idOrReference}`, async () => {
      try {
        await this.#docker.getImage(idOrReference).remove();
        return true;
      } catch (error) {
        if (statusOf(error) === 404 || statusOf(error) === 409) return false;
        throw error;
      }
    });
  }

  async runningContainers(): Promise<RunningContainer[]> {
    const containers = await asked('list containers', () => this.#docker.listContainers());
    return containers.map(({ Id, Names, Labels, NetworkSettings }) => ({
      id: Id, name: (Names[0] ?? '').replace(/^\//, ''), labels: Labels,
      addresses: Object.values(NetworkSettings.Networks).flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address]).filter((address) => address !== ''),
    }));
  }

  async exec(container: string, command: string[], stdin?: Readable): Promise<ExecResult> {
    return asked(`run ${command[0] ?? ''} in container ${container}`, async () => {
      const exec = await this.#docker.getContainer(container).exec({ Cmd: command, AttachStdin: stdin !== undefined, AttachStdout: true, AttachStderr: true });
      // Without hijack, the end of stdin would close the way back too.
      const stream: Duplex = await exec.start({ hijack: true, stdin: stdin !== undefined });
      const [out, err] = [collector(), collector()];
      this.#docker.modem.demuxStream(stream, out.stream, err.stream);
      const ended = new Promise<void>((resolve, reject) => stream.once('end', resolve).once('close', resolve).once('error', reject));
      if (stdin !== undefined) {
        stdin.once('error', (error) => stream.destroy(error));
        stdin.pipe(stream);
      }
      await ended;
      const { ExitCode } = await exec.inspect();
      return { exitCode: ExitCode ?? -1, stdout: out.text(), stderr: err.text() };
    });
  }

  async #follow(stream: NodeJS.ReadableStream, onLine: (line: string) => void): Promise<void> {
    const lines: string[] = [];
    let failure: string | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#docker.modem.followProgress(stream, (error: Error | null) => (error === null ? resolve() : reject(error)), (event: StreamEvent) => {
        failure ??= event.errorDetail?.message ?? event.error;
        const line = (event.stream ?? [event.id, event.status, event.progress].filter((part) => part !== undefined).join(' ')).trim();
        if (line === '') return;
        if (event.progress === undefined) lines.push(line);
        onLine(line);
      });
    });
    if (failure !== undefined) throw Object.assign(new Error(failure), { output: lines.slice(-20).join('\n') });
  }
}

function collector(): { stream: PassThrough; text(): string } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode;
}

async function asked<T>(what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const { message, code, output } = error as { message?: string; code?: string; output?: string };
    if (code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'EACCES') {
      throw new BridgeError({ kind: 'environment', code: 'docker-unreachable', what: 'Docker cannot be reached', why: code === 'EACCES' ? 'this user may not use its socket' : 'it is not running', next: 'docker info', cause: error });
    }
    throw new BridgeError({ kind: 'environment', code: 'docker-failed', what: `Docker could not ${what}`, why: message ?? String(error), ...(output === undefined ? {} : { detail: output }), cause: error });
  }
}
