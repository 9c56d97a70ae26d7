/** Builds the user's own image: with BuildKit through the docker command where that is there, else through Docker's API. */
import type { Docker } from '../adapters/docker/index.ts';
import { run } from '../adapters/process/index.ts';
import { labels, managedBy } from '../../protocol/names.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';

/** What `--build` and its companions, or `build:` in bridge.yaml, say. */
export interface AppBuild {
  /** Absolute path of the folder that is sent. */
  context: string;
  /** Path in the context, or an absolute one. */
  dockerfile?: string;
  /** Stage. */
  target?: string;
  /** `NAME=VALUE`, or `NAME` for the value that it has here. */
  args: string[];
}

export interface AppBuildQuestion {
  docker: Docker;
  host: Pick<Host, 'env'>;
  build: AppBuild;
  tag: string;
  /** Tag and image are ours: they go with `bridge uninstall`. */
  ours: boolean;
  signal: AbortSignal;
  onLine: (line: string) => void;
}

/** Value of the component label of images that got their name from us. */
export const appComponent = 'app';

const appImagePrefix = 'podbridge/app-';

export const isAppImage = (tag: string): boolean => tag.startsWith(appImagePrefix);

/** What an image is called that nobody named. */
export function builtTag(name: string): string {
  return `${appImagePrefix}${name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '') || 'x'}:dev`;
}

function buildArgs(args: readonly string[], env: Host['env']): [name: string, value: string][] {
  return args.flatMap((arg): [string, string][] => {
    const [name = '', ...value] = arg.split('=');
    const content = arg.includes('=') ? value.join('=') : env[name];
    return content === undefined ? [] : [[name, content]];
  });
}

const checkTimeoutMs = 10_000;

/** The docker command is there and has BuildKit's client. */
export async function hasBuildx(env: Host['env']): Promise<boolean> {
  return run(['docker', 'buildx', 'version'], { env, timeoutMs: checkTimeoutMs }).then(() => true, () => false);
}

/** Throws `build-failed` with the last lines of the build; aborted by the signal. */
export async function buildAppImage(question: AppBuildQuestion): Promise<void> {
  const { docker, host, build, tag, ours, signal, onLine } = question;
  const own: Record<string, string> = ours ? { [labels.managedBy]: managedBy, [labels.component]: appComponent } : {};
  const args = buildArgs(build.args, host.env);
  if (await hasBuildx(host.env)) return buildWithBuildx(question, own, args);
  const { packContext } = await import('./app-context.ts');
  const context = await packContext(build);
  try {
    await docker.images.build(context.tar, {
      tag, labels: own, dockerfile: context.dockerfile, buildArgs: Object.fromEntries(args), signal, onLine, ...(build.target === undefined ? {} : { target: build.target }),
    });
  } catch (error) {
    if (!isBridgeError(error) || error.facts.code !== 'build-failed') throw error;
    throw failed(build, error.facts.detail ?? '', /BuildKit|--mount|heredoc/i.test(error.facts.why ?? '') ? 'it needs BuildKit: install the docker command with its buildx plugin' : error.facts.why, error);
  }
}

function failed({ context }: AppBuild, output: string, why: string | undefined, cause: unknown): BridgeError {
  return new BridgeError({ kind: 'environment', code: 'build-failed', what: `the image of ${context} cannot be built`, why: [output.trim(), why].filter((part) => part !== undefined && part !== '' && !output.trim().endsWith(part)).join('\n') || output.trim(), next: `docker build ${context}`, detail: output, cause });
}

async function buildWithBuildx({ host, build, tag, signal, onLine }: AppBuildQuestion, own: Record<string, string>, args: [string, string][]): Promise<void> {
  const argv: [string, ...string[]] = [
    'docker', 'buildx', 'build', '--load', '--progress', 'plain', '--tag', tag, ...(build.dockerfile === undefined ? [] : ['--file', dockerfilePath(build)]), ...(build.target === undefined ? [] : ['--target', build.target]),
    // Their values go through the environment: nobody else sees that.
    ...args.flatMap(([name]) => ['--build-arg', name]), ...Object.entries(own).flatMap(([name, value]) => ['--label', `${name}=${value}`]), build.context,
  ];
  try {
    await run(argv, { env: { ...host.env, ...Object.fromEntries(args) }, signal, onLine });
  } catch (error) {
    if (!isBridgeError(error) || error.facts.code !== 'command-failed') throw error;
    throw failed(build, error.facts.detail ?? '', undefined, error);
  }
}

function dockerfilePath({ context, dockerfile = 'Dockerfile' }: AppBuild): string {
  return dockerfile.startsWith('/') || /^[A-Za-z]:/.test(dockerfile) ? dockerfile : `${context}/${dockerfile}`;
}
