import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { systemNamespace } from '../../../protocol/names.ts';
import type { Bridge } from '../../../protocol/objects.ts';
import { configErrors } from '../adapters/haproxy.ts';
import { dnsFrom } from '../controller/cluster-facts.ts';
import { serveHealth } from '../health.ts';
import { follow, keyOf, resources } from '../kube/index.ts';
import { LevelLoop } from '../level-loop.ts';
import { words } from '../log.ts';
import { stopped, type Role } from '../role.ts';
import { backendsOf, gatewayConfig } from './config.ts';
import { openDoor } from './door.ts';
import { EndedPreviews, keysOf, planPreviews, type LivePreview } from './plan.ts';
import { GatewayProxy } from './proxy.ts';
import { Sieve } from './sieve.ts';

const directory = '/run/podbridge';
const gatherMs = 20;
/** setTimeout takes no more than 2^31 ms. */
const mostWaitMs = 3_600_000;

export const runPreview: Role = async ({ kube, log, signal }) => {
  await mkdir(directory, { recursive: true });
  const { domain } = dnsFrom(await readFile('/etc/resolv.conf', 'utf8'), systemNamespace);
  let ailment: string | undefined = 'starting';
  await serveHealth({ ailment: () => ailment, signal });
  const ended = new EndedPreviews();
  let live: LivePreview[] = [];
  const doorPort = await openDoor({ live: () => live, ended: (key) => ended.why(key), signal });
  const onError = (error: unknown): void => log('failed', { message: words(error) });
  const proxy = new GatewayProxy(directory, log, (why) => {
    if (signal.aborted) return;
    ailment = why;
    loop.trigger();
  }, signal);

  const sieve = new Sieve(async (previews) => {
    const file = `${directory}/check.cfg`;
    await writeFile(file, gatewayConfig(previews, { socket: `${directory}/check.sock`, doorPort, domain }), { mode: 0o600 });
    return await configErrors(file).finally(() => rm(file, { force: true }));
  });

  const loop = new LevelLoop(async () => {
    const bridges = [...followed.values()];
    const plan = planPreviews(bridges, Date.now(), domain);
    const { good, refused } = sieve.sift(plan.live);
    plan.live = good;
    for (const key of refused.flatMap(keysOf)) plan.ended.set(key, 'It cannot be shown: the gateway does not understand it.');
    const gone = ended.update(plan, new Set(bridges.map(keyOf)));
    await proxy.cut(gone.flatMap(backendsOf));
    if (gone.length > 0) log('ended', { previews: gone.map(({ namespace, name }) => `${namespace}/${name}`) });
    try {
      await proxy.apply((socket) => gatewayConfig(plan.live, { socket, doorPort, domain }));
    } catch (error) {
      const found = await sieve.search(plan.live);
      for (const { preview: { namespace, bridge, name }, why } of found) log('refused', { preview: `${namespace}/${name}`, bridge, message: why });
      // The next run is without those.
      if (found.length > 0) loop.trigger();
      throw error;
    }
    live = plan.live;
    ailment = undefined;
    if (plan.nextAt !== Infinity) loop.triggerIn(Math.min(Math.max(plan.nextAt - Date.now(), 1), mostWaitMs));
  }, { gatherMs, onError, signal });

  const followed = follow<Bridge>(kube, resources.bridges, { signal, onError, onChange: () => { if (ready) loop.trigger(); } });
  let ready = false;
  await followed.synced;
  ready = true;
  loop.trigger();
  await stopped(signal);
  proxy.stop();
};
