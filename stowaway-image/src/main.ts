/** Entry of the image: `stowaway hub | controller | agent | preview`. The only file that reads `process`. */
import { HttpKube, inClusterConnection } from './kube/index.ts';
import { words, type Log } from './log.ts';
import type { Role } from './role.ts';

const roles: Record<string, () => Promise<Role>> = {
  hub: async () => (await import('./hub/role.ts')).runHub,
  controller: async () => (await import('./controller/role.ts')).runController,
  agent: async () => (await import('./agent/role.ts')).runAgent,
  preview: async () => (await import('./preview/role.ts')).runPreview,
};

const log: Log = (event, facts = {}) => console.log(JSON.stringify({ at: new Date().toISOString(), event, ...facts }));

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function main(name: string | undefined): Promise<number> {
  const load = name === undefined ? undefined : roles[name];
  if (load === undefined) {
    console.error(`usage: stowaway ${Object.keys(roles).join(' | ')}`);
    return 2;
  }
  const stop = new AbortController();
  // Not `once`: where no listener is left, execa takes the signal for the end of this process and of its children.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  try {
    const version = process.env['PODBRIDGE_VERSION'] ?? 'unknown';
    const kube = new HttpKube(await inClusterConnection(process.env), { userAgent: `podbridge-${name}/${version}` });
    log('started', { role: name, version });
    await (await load())({ kube, env: process.env, log, signal: stop.signal, cpuUs });
    return 0;
  } catch (error) {
    log('fatal', { role: name, message: words(error) });
    return 1;
  }
}

// Not awaited at the top: the bundle is CommonJS.
void main(process.argv[2]).then((code) => process.exit(code));
