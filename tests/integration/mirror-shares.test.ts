/** The copies of one bridge cannot take those of another: HAProxy with our Lua, an original, and a container that answers by the byte. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execa } from 'execa';
import { connectDocker } from '../../cli/adapters/docker/index.ts';
import { ensureImage } from '../../cli/image/build.ts';
import { labels, managedBy } from '../../protocol/names.ts';
import { luaProgram, mirrorLimits } from '../../stowaway-image/src/agent/proxy/lua-program.ts';

const limitMs = 60_000;
const name = `mirror-shares-${Math.floor(Math.random() * 0xffffff).toString(16)}`;
const answerS = 3;
const haproxy = `
global
  nbthread 1
  lua-load-per-thread /tmp/mirror.lua
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${['drip', 'quick'].map((bridge, index) => `
listen ${bridge}
  bind 127.0.0.1:${7001 + index}
  filter lua.mirror 127.0.0.1 ${7101 + index} open shop/${bridge}
  server original 127.0.0.1:7100`).join('\n')}
`;

beforeAll(async () => {
  const host = { env: process.env, homeDir: homedir() };
  const { reference } = await ensureImage('stowaway', { docker: await connectDocker(host), host, waiting: () => undefined, signal: new AbortController().signal });
  await execa('docker', ['create', '--name', name, '--network', 'none', '--label', `${labels.managedBy}=${managedBy}`, '--entrypoint', 'node', reference, '/mirror-shares-program.cjs', luaProgram({ answerS }), haproxy]);
  await execa('docker', ['cp', join(import.meta.dirname, 'agent', 'mirror-shares-program.cjs'), `${name}:/`]);
}, 600_000);
afterAll(async () => { await execa('docker', ['rm', '--force', name], { reject: false }); }, limitMs);

test('a container that answers a byte now and then has its share of copies, each for so long and no longer, and the other bridge gets all of its own', async () => {
  const { stdout } = await execa('docker', ['start', '--attach', name]);
  const told = JSON.parse(stdout) as { asked: number; statuses: number[]; quick: number; most: number; dripped: number };
  // Whoever is alone has half of all; nobody lost an answer or a copy.
  expect(told).toEqual({ asked: told.asked, statuses: [200], quick: told.asked, most: mirrorLimits.copies / 2, dripped: expect.any(Number) });
  // Places became free, though the bytes went on.
  expect(told.dripped).toBeGreaterThan(mirrorLimits.copies);
}, limitMs);
