/**
 * README and tutorial are true: every command that stands in a block of theirs is typed at a prompt, in the order in which a reader
 * would, on a real terminal, and what the page shows after it is compared. A block that is neither typed nor listed here fails.
 */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { execa } from 'execa';
import { parseAllDocuments } from 'yaml';
import { buildChangedApi } from '../../examples/shop/build.ts';
import { kubectlFor } from '../cluster/index.ts';
import { bridge, bridgeOk, bridgeProgram } from '../support/bridge-command.ts';
import { fencedBlocks, type Block } from '../support/fenced-blocks.ts';
import { applyAll, cleanNamespace } from '../support/namespace.ts';
import { ensureProgram } from '../support/system-program.ts';
import { testCluster, type TestCluster } from '../support/test-cluster.ts';
import { openTypist, type Typist } from '../support/typist.ts';
import { makePerson, type User } from '../support/user.ts';
import { until } from '../support/wait.ts';
import type { Manifest } from '../workloads/manifests.ts';
import { setUpLimitMs, testLimitMs } from './support/suite.ts';

/** Whole sections of commands in a row. */
jest.setTimeout(2 * testLimitMs);
const root = join(import.meta.dirname, '..', '..');
const namespace = 'shop';
const answerLimitMs = 30_000;
/** So rarely that no service keeps its connection until then: those that are open when a tap comes are not seen. */
const askIntervalMs = 6000;
const [devImage, curlImage] = ['podbridge-test/documented:dev', 'podbridge-test/documented:curl'];
/** What `bridge run --build .` makes in the folder `documented`. */
const builtImage = 'podbridge/app-documented:dev';

/** Commands of the pages that are not typed: why, and what shows instead that they work. */
const elsewhere: Record<string, { why: string; shownBy: string }> = {
  'npm ci && npm run demo': { why: 'CI does it, and it takes minutes', shownBy: '.ci/run' },
  'npm ci && npm test': { why: 'this is a part of it', shownBy: '.ci/run' },
  'bridge install --registry registry.example/team': { why: 'it needs a registry', shownBy: 'tests/integration/install-images.test.ts' },
  'bridge run --image api:dev --target deploy/api --mark ann --tls-secret api-tls': { why: 'no pod of the shop has a certificate', shownBy: 'tests/e2e/https.test.ts' },
  'npm run cluster -- down': { why: 'the tests that follow use the cluster', shownBy: 'tests/integration/cluster-lifecycle.test.ts' },
};

/** What a reader replaces by something of his own. */
const standIns: [inPage: RegExp, why: string, here: () => string][] = [
  [/\bapi:dev\b/, "the reader's image", () => devImage],
  [/\bnode:24\b/, 'an image of a registry', () => devImage],
  [/(?<=--image )curlimages\/curl\b/, 'an image of a registry', () => curlImage],
  [/(?<=-- )npm test\b/, 'the image has no npm', () => 'node --test'],
  [/(?<=uninstall --yes)$/, 'other clusters of this machine use the images', () => ' --keep-images'],
  [/172\.30\.8\.2:30698/, "where the shop's page is", () => shopAddress],
];

/** Commands that do not end by themselves: what they show when they are at work, what is done until they do, the keys that end them, the exit code. */
const lasting: { command: RegExp; shows: RegExp; meanwhile?: () => Promise<unknown>; keys: string[]; exitCode: number }[] = [
  { command: /^bridge run .* -it .* -- bash$/, shows: /[#$] ?$/, keys: ['exit', 'Enter'], exitCode: 0 },
  // Before it listens it does not know SIGTERM either, and Docker waits ten seconds for it.
  { command: /^bridge run(?!.*(?: -d | -- ))/, shows: /(?=[^]*^Bridged: deployment api, 2 pods)(?=[^]*^api listens on port 8080)/m, keys: ['C-c'], exitCode: 130 },
  { command: /^bridge logs .* -f$/, shows: /^api listens on port 8080/m, keys: ['C-c'], exitCode: 0 },
  { command: /^bridge status$/, shows: /^LINK ● up[\s\S]*● Ready/m, keys: ['q'], exitCode: 0 },
  { command: /^bridge tap /, shows: /GET \/catalog 200/, meanwhile: () => execa('curl', ['-s', '-H', 'baggage: bridge=ann', `http://${shopAddress}/view`]), keys: ['C-c'], exitCode: 0 },
];

/** Blocks with nothing to type, by their language. */
const figures: Record<string, string> = { 'README.md How it works': '' };

interface Place {
  page: 'README.md' | 'docs/tutorial.md';
  section: string;
  who: 'admin' | 'ann';
}

const tutorial = (...sections: string[]): Place[] => sections.map((section) => ({ page: 'docs/tutorial.md', section, who: 'admin' }));

/** The order of reading: the tutorial makes the shop of which the README tells. */
const reading: Place[] = [
  ...tutorial('1. A cluster with the shop', '2. The cluster side, once'),
  { page: 'README.md', section: 'Install', who: 'admin' },
  { page: 'README.md', section: 'What it looks like', who: 'ann' },
  { page: 'README.md', section: 'Use', who: 'ann' },
  ...tutorial('3. Your change', '4. Ask', '5. Look', '6. Tests against it', '7. The end'),
  { page: 'README.md', section: 'What is left behind', who: 'admin' },
];

let world: TestCluster;
let folder: string;
let ann: User;
let typists: Record<Place['who'], Typist> & { other: Typist };
let programs: string;
let shopAddress: string;
const pages: Record<Place['page'], Block[]> = { 'README.md': [], 'docs/tutorial.md': [] };

/** What differs from day to day, on both sides: times, hashes in names, addresses. */
const settle = (text: string): string => text
  .replaceAll(/(?<= )\d+(?:\.\d+)? s$/gm, '')
  .replaceAll(/-[0-9a-f]{8,10}-[a-z0-9]{5}\b/g, '-POD')
  .replaceAll(/"host":"[0-9a-f]{12}"/g, '"host":"CONTAINER"')
  .replaceAll(/\b10\.87\.\d+\.\d+\b/g, 'ADDRESS')
  .replaceAll(/\b\d+s$/gm, 'AGE');

const isStep = (line: string): boolean => /^[✓↩] /.test(line);
const steps = (text: string): string[] => settle(text).split('\n').filter(isStep).map((line) => line.trimEnd()).sort();
const others = (text: string): string => settle(text).split('\n').filter((line) => !isStep(line)).join('\n');

/** White space does not count; `...` stands for anything. Steps that are done side by side end in any order. */
function compare(page: string, shown: string): void {
  if (steps(page).length > 0) expect(steps(shown)).toEqual(steps(page));
  const pattern = others(page).replaceAll(/\s/g, '').split('...').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('.*?');
  expect(others(shown).replaceAll(/\s/g, '')).toMatch(new RegExp(`^${pattern}$`));
}

interface Command {
  /** Without the comment behind it. */
  text: string;
  /** What the page shows after it; empty when it shows nothing. */
  shows: string;
}

/** What a block lets the reader type. In `console` blocks commands stand behind `$ `; what stands above the first is shown by the command of the block before, when it is ended. */
function commandsOf({ language, text }: Block): { ending: string; commands: Command[] } {
  const lines = text.trimEnd().split('\n');
  if (language === 'sh') return { ending: '', commands: lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => ({ text: line.replace(/\s+# .*$/, ''), shows: '' })) };
  const parts = `\n${lines.join('\n')}`.split('\n$ ').map((part) => part.split('\n'));
  return { ending: parts[0]!.slice(1).join('\n'), commands: parts.slice(1).map(([command = '', ...shown]) => ({ text: command, shows: shown.join('\n') })) };
}

const isTyped = ({ language }: Block): boolean => ['sh', 'console'].includes(language);
const here = (command: string): string => standIns.reduce((text, [inPage, , replacement]) => text.replace(inPage, replacement), command);

async function typeBlock(block: Block, terminal: Typist, isOpen: () => string | undefined, setOpen: (command?: string) => void): Promise<void> {
  const { ending, commands } = commandsOf(block);
  if (ending !== '') {
    const { exitCode, shown } = await terminal.end('C-c');
    expect({ command: isOpen(), exitCode }).toEqual({ command: isOpen(), exitCode: 130 });
    setOpen();
    compare(ending, shown.replace(/^\^C/, ''));
  }
  for (const command of commands) {
    if (elsewhere[command.text] !== undefined) continue;
    await typeCommand(command, isOpen() === undefined ? terminal : typists.other, block.language === 'console' ? setOpen : undefined);
  }
}

/** @param leaveOpen for a command that goes on while the reader goes to another terminal */
async function typeCommand({ text, shows }: Command, terminal: Typist, leaveOpen?: (command: string) => void): Promise<void> {
  const command = here(text);
  const last = lasting.find((each) => each.command.test(text));
  if (last !== undefined) {
    // Whoever reads on in another terminal has seen all of it.
    const lastLine = leaveOpen === undefined ? '' : shows.split('\n').at(-1)!;
    const asking = last.meanwhile === undefined ? undefined : setInterval(() => void last.meanwhile?.().catch(() => undefined), askIntervalMs);
    const shown = await terminal.begin(command, (screen) => last.shows.test(screen) && screen.includes(lastLine)).finally(() => clearInterval(asking));
    if (leaveOpen !== undefined) {
      leaveOpen(command);
      return compare(shows, shown);
    }
    const { exitCode, shown: rest } = await terminal.end(...last.keys);
    return expect({ command, exitCode, rest }).toEqual({ command, exitCode: last.exitCode, rest });
  }
  const typeOnce = async (): Promise<void> => {
    const { exitCode, shown } = await terminal.type(command);
    expect({ command, exitCode, shown }).toEqual({ command, exitCode: 0, shown });
    if (shows !== '') compare(shows, shown);
  };
  // What an agent has been told holds a moment later.
  if (!text.startsWith('curl ')) return typeOnce();
  let failure: unknown;
  await until(command, () => typeOnce().then(() => true, (error: unknown) => void (failure = error)), answerLimitMs).catch(() => { throw failure; });
}

/** The clone of a reader, with the files of a project of his own. */
async function makeClone(): Promise<string> {
  const clone = join(await mkdtemp(join(tmpdir(), 'podbridge-clone-')), 'documented');
  await mkdir(clone);
  for (const name of await readdir(root)) if (!name.startsWith('.git')) await symlink(join(root, name), join(clone, name));
  await writeFile(join(clone, 'Dockerfile'), 'FROM podbridge-example/shop-api:changed\nCOPY key.test.mjs ./\n');
  await writeFile(join(clone, '.dockerignore'), '*\n!key.test.mjs\n');
  await writeFile(join(clone, 'key.test.mjs'), "import assert from 'node:assert';\nimport test from 'node:test';\ntest('the key is there', () => assert(process.env.ORDERS_KEY));\n");
  await writeFile(join(clone, 'server.js'), "if (!process.env.ORDERS_KEY) throw new Error('no key');\n");
  return clone;
}

/** `bridge` and `kubectl`, as if they were installed. */
async function makePrograms(): Promise<string> {
  const programs = await mkdtemp(join(tmpdir(), 'podbridge-programs-'));
  const program = async (name: string, path: string): Promise<void> => {
    await writeFile(join(programs, name), `#!/bin/sh\nexec ${path} "$@"\n`);
    await chmod(join(programs, name), 0o755);
  };
  await program('bridge', `'${process.execPath}' '${bridgeProgram}'`);
  const kubectl = await kubectlFor(world.cluster);
  if (kubectl !== 'kubectl') await program('kubectl', `'${kubectl}'`);
  return programs;
}

beforeAll(async () => {
  world = await testCluster();
  const { kube, cluster } = world;
  await Promise.all([ensureProgram('curl'), bridgeOk(['uninstall', '--yes', '--keep-images'], { kubeconfig: cluster.kubeconfigPath, context: cluster.context }), cleanNamespace(kube, namespace)]);
  ann = await makePerson(kube, cluster, namespace, 'ann');
  [folder, programs] = await Promise.all([makeClone(), makePrograms()]);
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(PODBRIDGE_TEST_|DOCKER_|XDG_CACHE_HOME$|npm_config_(registry|userconfig|cache)$)/.test(name))) as Record<string, string>;
  const env = { ...inherited, PATH: `${programs}:${process.env.PATH}` };
  const asAnn = { ...env, KUBECONFIG: ann.kubeconfigPath };
  const [admin, first, other] = await Promise.all([openTypist(folder, env), openTypist(folder, asAnn), openTypist(folder, asAnn)]);
  typists = { admin, ann: first, other };
  for (const page of Object.keys(pages) as Place['page'][]) pages[page] = fencedBlocks(await readFile(join(root, page), 'utf8'));
}, setUpLimitMs);
afterAll(async () => {
  await Promise.all(Object.values(typists ?? {}).map((typist) => typist.close()));
  if (world === undefined) return;
  await bridge(['uninstall', '--yes', '--keep-images'], { kubeconfig: world.cluster.kubeconfigPath, context: world.cluster.context });
  await cleanNamespace(world.kube, namespace);
  await execa('docker', ['rmi', '--force', devImage, curlImage, builtImage], { reject: false });
  await ann?.dispose();
  world.kube.close();
  for (const made of [folder && dirname(folder), programs]) if (made !== undefined) await rm(made, { recursive: true, force: true });
}, setUpLimitMs);

/** What is to be there before the reader comes to it. */
const prepare: Record<string, () => Promise<void>> = {
  'README.md What it looks like': async () => {
    await buildChangedApi();
    const nodes = await world.kube.request<{ items: { status: { addresses: { address: string }[] } }[] }>('GET', '/api/v1/nodes');
    const web = await world.kube.request<{ spec: { ports: { nodePort: number }[] } }>('GET', `/api/v1/namespaces/${namespace}/services/web`);
    shopAddress = `${nodes.items[0]!.status.addresses[0]!.address}:${web.spec.ports[0]!.nodePort}`;
  },
  'README.md Use': async () => {
    const { stdout: cargo } = await execa('docker', ['images', '--format', '{{.Repository}}:{{.Tag}}', 'podbridge/cargo']);
    const shop = parseAllDocuments(await readFile(join(root, 'examples', 'shop', 'shop.yaml'), 'utf8')).map((document) => document.toJS() as Manifest);
    const redis = shop.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'redis')!;
    const db = JSON.parse(JSON.stringify(redis).replaceAll('"app":"redis"', '"app":"db"')) as Manifest & { spec: object };
    await Promise.all([
      applyAll(world.kube, [{ ...db, kind: 'StatefulSet', metadata: { name: 'db', namespace }, spec: { ...db.spec, serviceName: 'db' } }]),
      execa('docker', ['build', '--quiet', '--tag', devImage, folder]),
      execa('docker', ['build', '--quiet', '--tag', curlImage, '-'], { input: `FROM ${cargo.split('\n')[0]}\nENTRYPOINT []\n` }),
    ]);
  },
};

test('every block is typed here, or stands in the list of what is not', () => {
  const typed = reading.flatMap(({ page, section }) => pages[page].filter((block) => block.section === section));
  for (const [page, blocks] of Object.entries(pages)) {
    const forgotten = blocks.filter((block) => !typed.includes(block) || !isTyped(block)).filter((block) => {
      const key = `${page} ${block.section}`;
      return figures[key] !== block.language && !(isTyped(block) && commandsOf(block).commands.every(({ text }) => elsewhere[text] !== undefined));
    });
    expect({ page, forgotten }).toEqual({ page, forgotten: [] });
  }
  // And the lists have nothing that the pages have not.
  const texts = Object.values(pages).flat().filter(isTyped).flatMap((block) => commandsOf(block).commands.map(({ text }) => text));
  expect(Object.keys(elsewhere).filter((text) => !texts.includes(text))).toEqual([]);
  expect(standIns.filter(([inPage]) => !texts.some((text) => inPage.test(text)))).toEqual([]);
  expect(lasting.filter(({ command }) => !texts.some((text) => command.test(text)))).toEqual([]);
  expect(Object.values(elsewhere).filter(({ shownBy }) => !existsSync(join(root, shownBy)))).toEqual([]);
});

let broken: string | undefined;
test.each(reading)('$page: $section', async ({ page, section, who }) => {
  // What follows builds on it.
  if (broken !== undefined) throw new Error(`not reached, since ${broken} failed`);
  broken = section;
  await prepare[`${page} ${section}`]?.();
  let open: string | undefined;
  for (const block of pages[page].filter((each) => each.section === section && isTyped(each))) {
    await typeBlock(block, typists[who], () => open, (command) => (open = command));
  }
  expect(open).toBeUndefined();
  broken = undefined;
});
