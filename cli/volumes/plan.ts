/** Which volumes of the pod the container gets, how they are brought, and where they are mounted. Pure. */
import type { FilesOffer, PodVolume } from '../../protocol/files.ts';
import type { BridgeRef } from '../../protocol/heartbeat.ts';
import { BridgeError } from '../errors.ts';
import type { VolumeMode, VolumeModes } from './modes.ts';

/** As `pod-files apply` takes it (pod-files/mount.go). */
export interface MountPlan {
  bridge: BridgeRef;
  copies: { path: string; follow: boolean; as: string }[];
  live: boolean;
  local: string[];
}

export interface VolumesPlan {
  mount: MountPlan;
  /** As `docker run -v`, below the folder that is given. */
  binds: (folder: string) => string[];
  /** How many are brought in which way. */
  counts: { synced: number; live: number; copied: number; local: number };
  warnings: { code: string; text: string; next?: string }[];
}

export interface PlanQuestion {
  bridge: BridgeRef;
  offer: FilesOffer;
  modes: VolumeModes;
  /** Paths in the container where the user mounts something himself (`-v`). */
  own: ReadonlySet<string>;
  /** Can this Docker mount live volumes? Otherwise they are copied. */
  live: boolean;
}

/** Throws when a mode names a volume that the container does not have. */
export function planVolumes({ bridge, offer: { volumes, pod }, modes, own, live }: PlanQuestion): VolumesPlan {
  checkNames(volumes, modes, pod.name);
  const plan: VolumesPlan = { mount: { bridge, copies: [], live: false, local: [] }, binds: () => [], counts: { synced: 0, live: 0, copied: 0, local: 0 }, warnings: [] };
  const mounts: { from: string; to: string; readOnly: boolean }[] = [];
  const replaced: string[] = [];
  for (const volume of volumes) {
    if (own.has(volume.path.replace(/(?<=.)\/+$/, ''))) continue;
    const way = wayOf(volume, modes.get(volume.name));
    if (way === 'ignore') continue;
    if (volume.type === 'other') {
      plan.warnings.push({ code: 'volume-unusable', text: `volume ${volume.name} at ${volume.path} is a socket or device: the container does not get it` });
      continue;
    }
    const readOnly = volume.readOnly || way === 'ro';
    if (way === 'local') {
      if (volume.type === 'file') throw new BridgeError({ kind: 'usage', code: 'volume-mode-impossible', what: `volume ${volume.name} cannot be local`, why: `what is mounted at ${volume.path} is a file`, next: `-v FILE:${volume.path}, or --volume-mode ${volume.name}=ignore` });
      const name = String(plan.mount.local.length);
      plan.mount.local.push(name);
      mounts.push({ from: `local/${name}`, to: volume.path, readOnly });
      plan.counts.local += 1;
    } else if (way === 'sync' || !live) {
      const followed = volume.class === 'synced';
      const known = plan.mount.copies.find(({ path }) => path === volume.at);
      const copy = known ?? { path: volume.at, follow: followed && volume.type === 'directory', as: String(plan.mount.copies.length) };
      if (known === undefined) plan.mount.copies.push(copy);
      // What the kubelet writes is read-only in the pod too, whatever the mount says.
      mounts.push({ from: `copies/${copy.as}`, to: volume.path, readOnly: readOnly || followed });
      if (way !== 'sync') replaced.push(volume.path);
      if (followed) plan.counts.synced += 1;
      else plan.counts.copied += 1;
    } else {
      plan.mount.live = true;
      mounts.push({ from: `live${volume.at}`, to: volume.path, readOnly });
      plan.counts.live += 1;
    }
  }
  if (replaced.length > 0) {
    plan.warnings.push({
      code: 'volumes-copied', text: `this Docker cannot mount files of the cluster (it gives containers no /dev/fuse, or its folder is on no shared mount): ${replaced.join(', ')} ${replaced.length === 1 ? 'was' : 'were'} copied. Changes stay in the container`,
    });
  }
  plan.binds = (folder) => mounts.map(({ from, to, readOnly }) => `${folder}/${from}:${to}${readOnly ? ':ro' : ''}`);
  return plan;
}

export function isEmpty({ mount: { copies, live, local } }: VolumesPlan): boolean {
  return copies.length === 0 && !live && local.length === 0;
}

/** `2 synced, 1 live`. */
export function countWords({ synced, live, copied, local }: VolumesPlan['counts']): string {
  const words = Object.entries({ synced, live, copied, local }).filter(([, count]) => count > 0).map(([way, count]) => `${count} ${way}`);
  return words.length === 0 ? 'none' : words.join(', ');
}

function wayOf(volume: PodVolume, mode: VolumeMode | undefined): VolumeMode {
  if (mode === 'ro' && volume.class === 'synced') return 'sync';
  return mode ?? (volume.class === 'synced' ? 'sync' : 'live');
}

function checkNames(volumes: readonly PodVolume[], modes: VolumeModes, pod: string): void {
  const names = [...new Set(volumes.map(({ name }) => name))];
  for (const name of modes.keys()) {
    if (names.includes(name)) continue;
    throw new BridgeError({
      kind: 'usage', code: 'volume-unknown', what: `--volume-mode names volume ${name}, which the container of pod ${pod} does not have`,
      why: names.length === 0 ? 'it has no volumes' : `there ${names.length === 1 ? 'is' : 'are'}: ${names.join(', ')}`, next: names[0] === undefined ? 'leave --volume-mode out' : `--volume-mode ${names[0]}=MODE`,
    });
  }
}
