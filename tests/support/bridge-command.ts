/** Runs the built program as users do: a child process with its own arguments, environment and streams. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

export const bridgeProgram = join(import.meta.dirname, '..', '..', 'dist', 'bin.js');

/** Longer than any command should need, shorter than a test's patience. */
const commandLimitMs = 240_000;

export interface BridgeOptions {
  /** A file; the user's own kubeconfig is never used. */
  kubeconfig: string;
  context?: string;
  env?: Record<string, string>;
  /** Another build's. */
  program?: string;
  cwd?: string;
  limitMs?: number;
}

export interface BridgeRun {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
  elapsedMs: number;
}

export type BridgeProcess = ReturnType<typeof startBridge>;

/** Starts a command that stays in the foreground. It does not hold the limit of {@link bridge} unless one is given. */
export function startBridge(args: string[], options: BridgeOptions) {
  if (!existsSync(bridgeProgram)) throw new Error(`${bridgeProgram} does not exist. Build it with: npm run build`);
  return execa(process.execPath, ['--', options.program ?? bridgeProgram, ...args], {
    reject: false, all: true, stdin: 'ignore', cwd: options.cwd, extendEnv: false, timeout: options.limitMs,
    env: {
      ...pick(process.env, ['PATH', 'HOME', 'TMPDIR', 'DOCKER_HOST', 'DOCKER_CONFIG', 'DOCKER_CONTEXT', 'XDG_CACHE_HOME', 'npm_config_registry', 'npm_config_userconfig']),
      PODBRIDGE_KUBECONFIG: options.kubeconfig,
      ...(options.context === undefined ? {} : { PODBRIDGE_CONTEXT: options.context }),
      ...options.env,
    },
  });
}

/** Runs a command to its end, whatever its exit code. */
export async function bridge(args: string[], options: BridgeOptions): Promise<BridgeRun> {
  const start = performance.now();
  const limitMs = options.limitMs ?? commandLimitMs;
  const { exitCode, stdout, stderr, timedOut } = await startBridge(args, { ...options, limitMs });
  if (timedOut) throw new Error(`bridge ${args.join(' ')} did not end within ${limitMs} ms\n${stderr}\n${stdout}`);
  return { exitCode, stdout, stderr, elapsedMs: performance.now() - start };
}

/** As {@link bridge}, but anything else than exit code 0 is an error that shows the whole output. */
export async function bridgeOk(args: string[], options: BridgeOptions): Promise<BridgeRun> {
  const run = await bridge(args, options);
  if (run.exitCode !== 0) {
    // Its last line first: that is the error, and reports are cut at their end.
    const last = run.stderr.trimEnd().split('\n').at(-1) ?? '';
    throw new Error(`bridge ${args.join(' ')}: exit code ${run.exitCode}\n${last}\n\n${run.stderr}\n${run.stdout}`);
  }
  return run;
}

const pick = (env: NodeJS.ProcessEnv, names: string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
