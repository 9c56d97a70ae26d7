import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { endpointSettings, createOptions } from './container-spec.ts';
import { details, summary, usage } from './container-info.ts';
import type { Session } from './connect.ts';
import type { Containers } from './docker.ts';
import { isStatus } from './errors.ts';
import { labelFilter } from './labels.ts';
import { split, text } from './streams.ts';

const notFound = 404;
const notModified = 304;
const conflict = 409;

export function createContainers(session: Session): Containers {
  const { client, attempt } = session;

  /** False when Docker says that there was nothing to do. */
  async function changed(doing: string, nothing: number[], run: () => Promise<unknown>): Promise<boolean> {
    return attempt(doing, async () => {
      try {
        await run();
        return true;
      } catch (error) {
        if (isStatus(error, ...nothing)) return false;
        throw error;
      }
    });
  }

  async function startExec(id: string, command: string[], options: { tty?: boolean; env?: string[]; user?: string; workingDir?: string; stdin: boolean }) {
    const exec = await client.getContainer(id).exec({
      Cmd: command, AttachStdin: options.stdin, AttachStdout: true, AttachStderr: true, Tty: options.tty ?? false,
      ...(options.env === undefined ? {} : { Env: options.env }), ...(options.user === undefined ? {} : { User: options.user }), ...(options.workingDir === undefined ? {} : { WorkingDir: options.workingDir }),
    });
    // Without hijack the end of stdin destroys the whole connection.
    const stream: Duplex = await exec.start({ hijack: true, stdin: options.stdin, Tty: options.tty ?? false });
    const output = split(client, stream, options.tty ?? false);
    return { exec, stream, output };
  }

  return {
    create: (spec) => attempt(`create the container ${spec.name}`, async () => {
      const container = await client.createContainer(createOptions(spec));
      try {
        for (const { network, ...options } of (spec.networks ?? []).slice(1)) {
          await client.getNetwork(network).connect({ Container: container.id, EndpointConfig: endpointSettings(options) });
        }
      } catch (error) {
        await container.remove({ force: true }).catch(() => undefined);
        throw error;
      }
      return container.id;
    }),
    async start(id) {
      await changed(`start the container ${id}`, [notModified], () => client.getContainer(id).start());
    },
    stop: (id, timeoutS) => changed(`stop the container ${id}`, [notModified, notFound], () => client.getContainer(id).stop(timeoutS === undefined ? {} : { t: timeoutS })),
    kill: (id, signal) => changed(`signal the container ${id}`, [notFound, conflict], () => client.getContainer(id).kill(signal === undefined ? {} : { signal })),
    restart: (id, timeoutS) => attempt(`restart the container ${id}`, async () => {
      await client.getContainer(id).restart(timeoutS === undefined ? {} : { t: timeoutS });
    }),
    // 409: "removal of container x is already in progress".
    remove: (id, options = {}) => changed(`remove the container ${id}`, [notFound, conflict], () => client.getContainer(id).remove({ force: options.force ?? false, v: options.volumes ?? false })),
    find: (idOrName) => attempt(`inspect the container ${idOrName}`, async () => {
      try {
        return details(await client.getContainer(idOrName).inspect());
      } catch (error) {
        if (isStatus(error, notFound)) return undefined;
        throw error;
      }
    }),
    list: (labels, options = {}) => attempt('list containers', async () => (await client.listContainers({ all: options.running !== true, filters: { label: labelFilter(labels) } })).map(summary)),
    wait: (id, condition = 'not-running') => attempt(`wait for the container ${id}`, async () => {
      const { StatusCode } = await client.getContainer(id).wait({ condition }) as { StatusCode: number };
      return StatusCode;
    }),
    logs: (id, options) => attempt(`read the log of the container ${id}`, async () => {
      const query = { stdout: true, stderr: true, timestamps: options.timestamps ?? false, ...(options.tail === undefined ? {} : { tail: options.tail }), ...(options.since === undefined ? {} : { since: options.since }) };
      const container = client.getContainer(id);
      const source = options.follow === true ? await container.logs({ ...query, follow: true }) : Readable.from([await container.logs({ ...query, follow: false })]);
      return split(client, source, options.tty);
    }),
    // one-shot (API 1.41): without it the daemon takes two samples, a second apart. Older ones ignore it.
    usage: (id) => attempt(`ask for the usage of the container ${id}`, async () => usage(await client.getContainer(id).stats({ stream: false, 'one-shot': true }))),
    attach: (id, { stdin, tty }) => attempt(`attach to the container ${id}`, async () => {
      const stream: Duplex = await client.getContainer(id).attach({ stream: true, stdin, stdout: true, stderr: true, hijack: true }) as Duplex;
      return { ...split(client, stream, tty), stdin: stream };
    }),
    resize: (id, { columns, rows }) => attempt(`resize the terminal of the container ${id}`, async () => {
      await client.getContainer(id).resize({ w: columns, h: rows });
    }),
    exec: (id, command, options = {}) => attempt(`run ${command[0] ?? 'a command'} in the container ${id}`, async () => {
      const { stdin } = options;
      const { exec, stream, output } = await startExec(id, command, { ...options, stdin: stdin !== undefined });
      if (stdin instanceof Readable) stdin.pipe(stream);
      else if (stdin !== undefined) stream.end(stdin);
      const [stdout, stderr] = await Promise.all([text(output.stdout), text(output.stderr)]);
      const { ExitCode } = await exec.inspect();
      return { exitCode: ExitCode ?? -1, stdout, stderr };
    }),
    execStream: (id, command, options = {}) => attempt(`run ${command[0] ?? 'a command'} in the container ${id}`, async () => {
      const { exec, stream, output } = await startExec(id, command, { ...options, stdin: true });
      return {
        ...output,
        stdin: stream,
        ended: output.ended.then(() => exec.inspect()).then(({ ExitCode }) => ExitCode ?? -1, () => -1),
        resize: ({ columns, rows }) => attempt('resize the terminal', async () => { await exec.resize({ w: columns, h: rows }); }),
      };
    }),
    putArchive: (id, path, tar) => attempt(`copy files into the container ${id}`, async () => {
      await client.getContainer(id).putArchive(tar, { path });
    }),
  };
}
