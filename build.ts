/**
 * Builds the programs, or those named on the command line (cli, cargo, stowaway, files): the CLI (dist/, split so that
 * `bridge --help` loads no SDK), one bundle for each image (cargo-image/dist, stowaway-image/dist) and the Go program that both
 * images have (pod-files/dist, static, for each architecture), which their Dockerfiles copy.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, type BuildOptions, type Plugin } from 'esbuild';

/**
 * Of client-node the CLI uses KubeConfig alone, which node:https then works with. Its generated API and undici, which
 * KubeConfig only needs to construct API clients, would make up four fifths of the bundle and of its loading time.
 */
const kubeConfigOnly: Plugin = {
  name: 'kube-config-only',
  setup(builder) {
    builder.onResolve({ filter: /^undici$|\/gen\/index\.js$|^\.\/middleware\.js$/ }, ({ importer, path }) => (importer.includes('@kubernetes/client-node/dist/config.js') ? { path, namespace: 'unused', sideEffects: false } : undefined));
    builder.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({
      contents: 'const unused = () => { throw new Error("client-node\'s API clients are not part of this bundle"); }; export { unused as Agent, unused as ProxyAgent, unused as createConfiguration, unused as ServerConfiguration, unused as setHeaderMiddleware };',
    }));
  },
};

/** Of the package's own description only the version is wanted in the bundle. */
const versionOnly: Plugin = {
  name: 'version-only',
  setup(builder) {
    const file = join(import.meta.dirname, 'package.json');
    builder.onLoad({ filter: /package\.json$/ }, async ({ path }) => (path === file ? { contents: JSON.stringify({ version: (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version }), loader: 'json' } : undefined));
  },
};

/**
 * Of dockerode the CLI uses the plain API. BuildKit sessions would bring gRPC, which takes longer to load than all the rest;
 * ssh2 is needed for ssh:// alone: a bundle of its own, loaded by the first such connection.
 */
const plainDockerode: Plugin = {
  name: 'plain-dockerode',
  setup(builder) {
    builder.onResolve({ filter: /^\.\/(session|buildkit)$/ }, ({ importer, path }) => (/dockerode.lib.docker\.js$/.test(importer) ? { path, namespace: 'no-buildkit' } : undefined));
    builder.onLoad({ filter: /.*/, namespace: 'no-buildkit' }, () => ({ contents: 'module.exports = () => { throw new Error("BuildKit sessions are not part of this bundle"); };' }));
    builder.onResolve({ filter: /^ssh2$/ }, ({ path }) => ({ path, namespace: 'late-ssh' }));
    builder.onResolve({ filter: /^\.\.\/ssh2\.cjs$/ }, ({ path }) => ({ path, external: true }));
    builder.onLoad({ filter: /.*/, namespace: 'late-ssh' }, () => ({ contents: 'module.exports = { Client: function () { return new (require("../ssh2.cjs").Client)(); } };' }));
  },
};

// Bundled CommonJS dependencies call require(); ESM output has none. The name is unusual because minification may reuse short ones.
const requireBanner = "import{createRequire as __podbridgeRequire}from'node:module';const require=__podbridgeRequire(import.meta.url);";
const shared: BuildOptions = {
  bundle: true, platform: 'node', format: 'esm', target: 'node22', minify: true, keepNames: true, sourcemap: true, logLevel: 'warning',
};

const parts: Record<string, () => Promise<unknown>> = {
  async cli() {
    await rm('dist', { recursive: true, force: true });
    await build({
      ...shared, entryPoints: { bin: 'cli/bin.ts', library: 'cli/library.ts' }, outdir: 'dist', splitting: true, chunkNames: 'chunks/[name]-[hash]',
      plugins: [kubeConfigOnly, plainDockerode, versionOnly],
      // React's development build is four times as large and slower.
      define: { 'process.env.NODE_ENV': '"production"' },
      // Only looked for by React's developer tools.
      external: ['react-devtools-core'],
      // Without the `--` Node takes `--env-file` for its own wherever it stands: it ends without our words when the file is missing, and takes NODE_OPTIONS from it.
      banner: { js: `#!/usr/bin/env -S node --\n${requireBanner}` },
    });
    // Its native parts only make it faster, and would be compiled at every installation.
    await build({ ...shared, entryPoints: ['ssh2'], outfile: 'dist/ssh2.cjs', format: 'cjs', external: ['cpu-features', '*.node'] });
    await chmod('dist/bin.js', 0o755);
  },
  // Both images are CommonJS: in ESM the wrappers of node: modules load everything that those export, which costs 10 MB of memory.
  async cargo() {
    await rm('cargo-image/dist', { recursive: true, force: true });
    await build({ ...shared, entryPoints: ['cargo-image/src/main.ts'], outfile: 'cargo-image/dist/cargo.cjs', sourcemap: false, target: 'node24', format: 'cjs' });
  },
  async stowaway() {
    await rm('stowaway-image/dist', { recursive: true, force: true });
    await build({ ...shared, entryPoints: ['stowaway-image/src/main.ts'], outfile: 'stowaway-image/dist/stowaway.cjs', sourcemap: false, target: 'node24', format: 'cjs' });
  },
  async files() {
    const folder = join(import.meta.dirname, 'pod-files');
    const names = (await readdir(folder)).filter((name) => /(?<!_test)\.go$|^go\.(mod|sum)$/.test(name)).sort();
    const hash = createHash('sha256').update(programArchitectures.join());
    for (const name of names) hash.update(`${name}\0`).update(await readFile(join(folder, name)));
    const sources = hash.digest('hex');
    const stamp = join(folder, 'dist', 'sources.sha256');
    if (await readFile(stamp, 'utf8').catch(() => '') === sources) return;
    await rm(join(folder, 'dist'), { recursive: true, force: true });
    await mkdir(join(folder, 'dist'));
    await Promise.all(programArchitectures.map(async (architecture) => {
      // Only modules are fetched, never another release of Go itself.
      const env = { ...process.env, GOOS: 'linux', GOARCH: architecture, CGO_ENABLED: '0', GOWORK: 'off', GOTOOLCHAIN: 'local', GOFLAGS: '' };
      await go(['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w -buildid=', '-o', join('dist', `pod-files-${architecture}`), '.'], { cwd: folder, env });
    }));
    await writeFile(stamp, sources);
  },
};

/** What nodes and laptops have. */
const programArchitectures = ['amd64', 'arm64'];

async function go(args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<void> {
  try {
    await promisify(execFile)('go', args, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('pod-files is a Go program, and there is no Go on PATH: install Go 1.25 or newer (https://go.dev/doc/install)');
  }
}

const wanted = process.argv.slice(2);
const unknown = wanted.find((part) => !Object.hasOwn(parts, part));
if (unknown !== undefined) throw new RangeError(`there is no part ${unknown}; parts are: ${Object.keys(parts).join(', ')}`);
await Promise.all((wanted.length === 0 ? Object.keys(parts) : wanted).map((part) => parts[part]!()));
