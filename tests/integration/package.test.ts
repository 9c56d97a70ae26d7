/** The package as npm ships it: packed, installed into an empty folder, run. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execa } from 'execa';

const root = join(import.meta.dirname, '..', '..');
const installLimitMs = 300_000;
/** Times are compared by their minimum of this many runs each, alternating: a busy machine only ever adds. */
const rounds = 15;

/** A word that stands in the bundle of each SDK and nowhere else, whatever their chunks are called. */
const sdkWords = { 'client-node': 'client-key-data', dockerode: 'X-Registry-Auth', react: 'react.transitional.element', execa: 'forceKillAfterDelay', yaml: 'prettyErrors' };

let folder: string;
let bin: string;

/** Without what npm sets for the scripts it runs: as in a user's shell. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?:package|lifecycle|command|execpath|node_execpath)|^NODE_OPTIONS$|^PODBRIDGE_/.test(name)));

beforeAll(async () => {
  if (!existsSync(join(root, 'dist', 'bin.js'))) throw new Error('dist/ is missing. Build it with: npm run build');
  folder = await mkdtemp(join(tmpdir(), 'podbridge-package-'));
  // The build has just been made by the test command; prepack would only make it again, under the feet of other suites.
  const { stdout } = await execa('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: root, env, extendEnv: false });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  await execa('npm', ['install', '--no-audit', '--no-fund', join(folder, filename)], { cwd: folder, env, extendEnv: false });
  bin = join(folder, 'node_modules', '.bin', 'bridge');
}, installLimitMs);

afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(args: string[], options: { node?: string[] } = {}) {
  return execa(process.execPath, [...(options.node ?? []), bin, ...args], { cwd: folder, env, extendEnv: false, reject: false, stdin: 'ignore' });
}

/** Every module file that the process has loaded. */
async function loadedModules(args: string[]): Promise<string[]> {
  const list = join(folder, 'loaded.mjs');
  await writeFile(list, `
    import { registerHooks } from 'node:module';
    import { appendFileSync } from 'node:fs';
    registerHooks({ load(url, context, next) { appendFileSync(${JSON.stringify(join(folder, 'loaded.txt'))}, url + '\\n'); return next(url, context); } });
  `);
  await rm(join(folder, 'loaded.txt'), { force: true });
  const { exitCode, stderr } = await run(args, { node: ['--import', list] });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return (await readFile(join(folder, 'loaded.txt'), 'utf8')).trim().split('\n').filter((url) => url.startsWith('file:'));
}

async function bytesOf(urls: string[]): Promise<string> {
  return (await Promise.all(urls.map((url) => readFile(new URL(url), 'utf8')))).join('\n');
}

test('both names, one version', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  expect((await run(['--version'])).stdout).toBe(version);
  expect((await execa(join(folder, 'node_modules', '.bin', 'podbridge'), ['--version'], { cwd: folder, env: { ...env, PATH: `${join(process.execPath, '..')}:${env.PATH}` }, extendEnv: false })).stdout).toBe(version);
});

test('everything that commands need is in the package: each shows its help', async () => {
  const { stdout } = await run(['--help']);
  const names = [...stdout.split('Commands:')[1]!.split('\n\n')[0]!.matchAll(/^ {2}(\S+) {2,}\S/gm)].map(([, name]) => name!);
  expect(names).toEqual(expect.arrayContaining(['run', 'stop', 'list', 'env', 'logs', 'up', 'down', 'install', 'uninstall', 'version']));
  for (const name of names) {
    const help = await run([name, '--help']);
    expect({ name, exitCode: help.exitCode, stderr: help.stderr }).toEqual({ name, exitCode: 0, stderr: '' });
    expect(help.stdout).toContain(`Usage: bridge ${name}`);
  }
});

test('the images can be built from it', async () => {
  const shipped = join(folder, 'node_modules', 'podbridge');
  for (const image of ['cargo-image', 'stowaway-image']) {
    expect(await readdir(join(shipped, image))).toEqual(expect.arrayContaining(['Dockerfile', 'dist']));
    expect((await readdir(join(shipped, image, 'dist'))).length).toBeGreaterThan(0);
  }
});

describe('--help and --version', () => {
  test('the words that tell SDKs apart are in the bundle', async () => {
    const chunks = join(folder, 'node_modules', 'podbridge', 'dist', 'chunks');
    const code = (await Promise.all((await readdir(chunks)).filter((file) => file.endsWith('.js')).map((file) => readFile(join(chunks, file), 'utf8')))).join('\n');
    for (const [sdk, word] of Object.entries(sdkWords)) expect({ sdk, there: code.includes(word) }).toEqual({ sdk, there: true });
  });

  test.each([[['--help']], [['--version']], [['run', '--help']]])('load no SDK: %j', async (args) => {
    const urls = await loadedModules(args);
    expect(urls.some((url) => url.endsWith('/dist/bin.js'))).toBe(true);
    expect(urls.filter((url) => !url.includes('/podbridge/dist/') && !url.endsWith('/loaded.mjs'))).toEqual([]);
    const code = await bytesOf(urls);
    for (const [sdk, word] of Object.entries(sdkWords)) expect({ sdk, loaded: code.includes(word) }).toEqual({ sdk, loaded: false });
  });

  test('take about as long as bare Node', async () => {
    const time = async (args: string[]) => {
      const start = performance.now();
      await execa(process.execPath, args, { cwd: folder, env, extendEnv: false, stdin: 'ignore' });
      return performance.now() - start;
    };
    const bare: number[] = [];
    const help: number[] = [];
    for (let round = 0; round < rounds; round++) {
      bare.push(await time(['-e', '0']));
      help.push(await time([bin, '--help']));
    }
    const ratio = Math.min(...help) / Math.min(...bare);
    process.stderr.write(`bridge --help ${Math.min(...help).toFixed(0)} ms, node -e 0 ${Math.min(...bare).toFixed(0)} ms, ratio ${ratio.toFixed(2)}\n`);
    expect(ratio).toBeLessThan(2.2);
  }, 120_000);
});

describe('as a library', () => {
  test('createBridge is there, and fails as it says', async () => {
    await writeFile(join(folder, 'use.mjs'), "import { createBridge } from 'podbridge';\nconsole.log(await createBridge({ image: 'x', target: 'deploy/api', kubeconfig: '/nonexistent/config' }).catch(({ code, kind, message }) => `${code} ${kind} ${message}`));\n");
    const { stdout, exitCode } = await execa(process.execPath, [join(folder, 'use.mjs')], { cwd: folder, env, extendEnv: false, reject: false });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^kubeconfig-missing usage there is no kubeconfig file \/nonexistent\/config/) });
  });

  test('its types are in the package: what is right passes, what is wrong does not', async () => {
    const check = async (text: string) => {
      await writeFile(join(folder, 'use.ts'), `import { createBridge, type RunningBridge } from 'podbridge';\n${text}\n`);
      return (await execa(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--lib', 'es2024,esnext.disposable,dom', '--typeRoots', 'none', 'use.ts'], { cwd: folder, reject: false, all: true })).all;
    };
    expect(await check("const bridge: RunningBridge = await createBridge({ image: 'a', target: 'deploy/a', rules: { mark: 'm' } });\nconst { exitCode } = await bridge.exec(['true']);\nawait bridge.stop();\nexport { exitCode };")).toBe('');
    expect(await check("await createBridge({ image: 'a', targt: 'deploy/a' });\nexport {};")).toContain('targt');
  });
});

test('an older Node gets a sentence, not a stack', async () => {
  // The check comes before anything newer is loaded; what decides is the version that the process reports.
  const pretend = join(folder, 'pretend.mjs');
  await writeFile(pretend, "Object.defineProperty(process.versions, 'node', { value: '20.19.0' });");
  const { exitCode, stderr } = await run(['--version'], { node: ['--import', pretend] });
  expect(exitCode).toBe(3);
  expect(stderr).toMatch(/^error: bridge needs Node\.js 22 or newer; this is 20\.19\.0 .*\n {2}next: /);
});
