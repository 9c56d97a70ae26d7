import type { Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import { BridgeError } from '../../errors.ts';
import type { Session } from './connect.ts';
import type { ImageInfo, Images, ProgressOptions, RegistryAuth } from './docker.ts';
import { isStatus } from './errors.ts';
import { labelFilter } from './labels.ts';
import { createProgress } from './progress.ts';

function list(value: string | string[] | null | undefined): string[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

function info(raw: Dockerode.ImageInspectInfo): ImageInfo {
  const config = raw.Config;
  return {
    id: raw.Id, tags: raw.RepoTags ?? [], labels: config?.Labels ?? {}, env: config?.Env ?? [], user: config?.User ?? '', workingDir: config?.WorkingDir ?? '',
    entrypoint: list(config?.Entrypoint), command: list(config?.Cmd), architecture: raw.Architecture, size: raw.Size,
    exposedPorts: Object.keys(config?.ExposedPorts ?? {}).map((key) => {
      const [port = '', protocol] = key.split('/');
      return { port: Number(port), protocol: protocol === 'udp' ? 'udp' : 'tcp' };
    }),
  };
}

/** Docker takes credentials as `authconfig` in dockerode's words; absent means none. */
function withAuth(auth: RegistryAuth | undefined): { authconfig?: Dockerode.AuthConfig } {
  return auth === undefined ? {} : { authconfig: auth };
}

export function createImages({ client, attempt, fail }: Session): Images {
  /** Errors of pull, push and build come inside a stream that began with 200. */
  function follow(stream: NodeJS.ReadableStream, { onLine, signal }: ProgressOptions, failed: (message: string, output: string[]) => BridgeError): Promise<void> {
    const progress = createProgress(onLine ?? (() => undefined));
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        (stream as Readable).destroy();
        reject(signal?.reason instanceof Error ? signal.reason : new Error('given up'));
      };
      if (signal?.aborted === true) return abort();
      signal?.addEventListener('abort', abort, { once: true });
      client.modem.followProgress(stream, (error: Error | null) => {
        signal?.removeEventListener('abort', abort);
        const message = progress.error() ?? error?.message;
        if (message === undefined) resolve();
        else reject(failed(message, progress.last()));
      }, (event: unknown) => progress.take(event));
    });
  }

  return {
    find: (reference) => attempt(`inspect the image ${reference}`, async () => {
      try {
        return info(await client.getImage(reference).inspect());
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    }),
    list: (labels) => attempt('list images', async () => (await client.listImages({ filters: { label: labelFilter(labels) } })).map((image) => ({
      id: image.Id, tags: (image.RepoTags ?? []).filter((tag) => tag !== '<none>:<none>'), labels: image.Labels ?? {},
    }))),
    async pull(reference, options) {
      const failed = (message: string): BridgeError => new BridgeError({
        kind: 'environment', code: 'pull-failed', what: `the image ${reference} cannot be pulled`,
        why: /denied|unauthorized|authentication/i.test(message) ? 'the registry wants other credentials, or has no such image' : /not found|manifest unknown/i.test(message) ? 'the registry has no such image' : message,
        next: `docker pull ${reference}`, detail: message,
      });
      let stream: NodeJS.ReadableStream;
      try {
        stream = await client.pull(reference, withAuth(options.auth));
      } catch (error) {
        const converted = fail(error, `pull ${reference}`);
        throw ['docker-unreachable', 'docker-denied'].includes(converted.facts.code) ? converted : failed(converted.facts.detail ?? converted.facts.why ?? '');
      }
      await follow(stream, options, failed);
    },
    async build(context, options) {
      const stream = await attempt(`build ${options.tag}`, () => client.buildImage(context, {
        t: options.tag, labels: options.labels, dockerfile: options.dockerfile ?? 'Dockerfile', rm: true, forcerm: true,
        ...(options.target === undefined ? {} : { target: options.target }), ...(options.buildArgs === undefined ? {} : { buildargs: options.buildArgs }),
      }));
      await follow(stream, options, (message, output) => new BridgeError({
        kind: 'environment', code: 'build-failed', what: `the image ${options.tag} cannot be built`, why: message, detail: output.join('\n'), next: 'read the output above; run again when it is cured',
      }));
    },
    tag: (reference, target) => attempt(`tag ${reference}`, async () => {
      const at = target.lastIndexOf(':');
      const hasTag = at > target.lastIndexOf('/');
      await client.getImage(reference).tag({ repo: hasTag ? target.slice(0, at) : target, tag: hasTag ? target.slice(at + 1) : 'latest' });
    }),
    async push(reference, options) {
      const stream = await attempt(`push ${reference}`, () => client.getImage(reference).push(withAuth(options.auth)));
      await follow(stream, options, (message) => new BridgeError({
        kind: 'environment', code: 'push-failed', what: `the image ${reference} cannot be pushed`, why: /denied|unauthorized|authentication/i.test(message) ? 'the registry wants other credentials' : message,
        next: `docker push ${reference}`, detail: message,
      }));
    },
    save: (reference) => attempt(`save ${reference}`, async () => await client.getImage(reference).get() as Readable),
    remove: (idOrReference, options = {}) => attempt(`remove the image ${idOrReference}`, async () => {
      try {
        await client.getImage(idOrReference).remove({ force: options.force ?? false });
        return true;
      } catch (error) {
        if (isStatus(error, 404, 409)) return false;
        throw error;
      }
    }),
  };
}
