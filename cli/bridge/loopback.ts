/**
 * 127.0.0.1 of an app container that goes out as a pod: a second container in its network listens there on the ports of the pod's sidecars and
 * leads to them. It needs no right at all, ends by itself when the app container does, and Docker removes it then.
 */
import { podLoopback } from '../../protocol/egress.ts';
import { labels } from '../../protocol/names.ts';
import type { Docker, Labels } from '../adapters/docker/index.ts';
import { cargoName } from '../link/link-name.ts';

const memoryBytes = 64 * 1024 * 1024;
const pidsLimit = 64;
const nobody = '65534:65534';

function loopbackName(container: string): string {
  return `podbridge-loopback-${container.slice(0, 12)}`;
}

/** Ports of sidecars, but those where the app listens itself. */
export function loopbackLabel(ports: readonly number[], own: readonly number[]): Labels {
  const led = ports.filter((port) => !own.includes(port));
  return led.length === 0 ? {} : { [labels.loopback]: led.join(',') };
}

/** For a container that has just been started, perhaps not for the first time. Without ports of sidecars, or when it has ended already, nothing happens. */
export async function startLoopback(docker: Docker, container: string): Promise<void> {
  const app = await docker.containers.find(container);
  const ports = app?.labels[labels.loopback];
  if (app === undefined || ports === undefined) return;
  const cargo = await docker.containers.find(cargoName(app.labels[labels.link] ?? ''));
  if (cargo === undefined) throw new Error(`the link ${app.labels[labels.link]} has no container`);
  await removeLoopback(docker, container);
  const id = await docker.containers.create({
    name: loopbackName(container), image: cargo.imageId, networkOf: container,
    labels: { ...Object.fromEntries(Object.entries(app.labels).filter(([name]) => Object.values<string>(labels).includes(name))), [labels.role]: 'loopback' },
    entrypoint: ['/usr/local/bin/pod-files', 'loopback', podLoopback.address, ...ports.split(',')],
    user: nobody, capDrop: ['ALL'], readOnly: true, securityOptions: ['no-new-privileges'], memoryBytes, pidsLimit, autoRemove: true,
  });
  try {
    await docker.containers.start(id);
  } catch (error) {
    await docker.containers.remove(id, { force: true });
    if ((await docker.containers.find(container))?.running === true) throw error;
  }
}

export async function removeLoopback(docker: Docker, container: string): Promise<void> {
  await docker.containers.remove(loopbackName(container), { force: true });
}
