/**
 * Bundles the three programs, or those named on the command line (cli, cargo, stowaway): the CLI (dist/, split so that
 * `bridge --help` loads no SDK) and one file for each image (cargo-image/dist, stowaway-image/dist), which their Dockerfiles copy.
 */
import { chmod, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
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
      ...shared, entryPoints: { bin: 'cli/bin.ts' }, outdir: 'dist', splitting: true, chunkNames: 'chunks/[name]-[hash]',
      plugins: [kubeConfigOnly, plainDockerode, versionOnly],
      // React's development build is four times as large and slower.
      define: { 'process.env.NODE_ENV': '"production"' },
      // Only looked for by React's developer tools.
      external: ['react-devtools-core'],
      banner: { js: `#!/usr/bin/env node\n${requireBanner}` },
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
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((part) => !Object.hasOwn(parts, part));
if (unknown !== undefined) throw new RangeError(`there is no part ${unknown}; parts are: ${Object.keys(parts).join(', ')}`);
await Promise.all((wanted.length === 0 ? Object.keys(parts) : wanted).map((part) => parts[part]!()));
