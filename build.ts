/**
 * Bundles the three programs: the CLI (dist/, split so that `bridge --help` loads no SDK) and one file for
 * each image (cargo-image/dist, stowaway-image/dist), which their Dockerfiles copy.
 */
import { rm, chmod } from 'node:fs/promises';
import { build, type BuildOptions } from 'esbuild';

// Bundled CommonJS dependencies call require(); ESM output has none. The name is unusual because minification may reuse short ones.
const requireBanner = "import{createRequire as __podbridgeRequire}from'node:module';const require=__podbridgeRequire(import.meta.url);";
const shared: BuildOptions = {
  bundle: true, platform: 'node', format: 'esm', target: 'node22', minify: true, keepNames: true, sourcemap: true, logLevel: 'warning',
};

await rm('dist', { recursive: true, force: true });
await Promise.all([
  build({
    ...shared, entryPoints: { bin: 'cli/bin.ts' }, outdir: 'dist', splitting: true, chunkNames: 'chunks/[name]-[hash]',
    // Native and WASM parts of these cannot be bundled; they are ordinary dependencies of the package.
    external: ['cpu-features', 'ssh2', 'react-devtools-core'],
    banner: { js: `#!/usr/bin/env node\n${requireBanner}` },
  }),
  build({ ...shared, entryPoints: ['cargo-image/src/main.ts'], outfile: 'cargo-image/dist/cargo.mjs', sourcemap: false, target: 'node24', banner: { js: requireBanner } }),
  build({ ...shared, entryPoints: ['stowaway-image/src/main.ts'], outfile: 'stowaway-image/dist/stowaway.mjs', sourcemap: false, target: 'node24', banner: { js: requireBanner } }),
]);
await chmod('dist/bin.js', 0o755);
