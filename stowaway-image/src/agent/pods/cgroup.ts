/**
 * Whose process is this? The kubelet puts the pod's UID into the cgroup path, under both drivers and both cgroup versions:
 *   cgroupfs  /kubepods/burstable/pod<uid>/<container id>
 *   systemd   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid with _>.slice/cri-containerd-<container id>.scope
 * In a private cgroup namespace the path begins with `/../..`, and still ends the same way.
 */

export interface CgroupOwner {
  podUid: string;
  /** Absent for processes directly in the pod's cgroup. */
  containerId?: string;
}

const uidShape = '[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32}';
const podPart = new RegExp(`(?:^|-)pod(${uidShape})(?:\\.slice)?$`);
const containerPart = /^(?:[a-z-]+-)?([0-9a-f]{64})(?:\.scope)?$/;

/** @param text content of /proc/PID/cgroup */
export function cgroupOwner(text: string): CgroupOwner | undefined {
  for (const line of text.split('\n')) {
    // hierarchy-ID:controllers:path; a path may itself contain colons.
    const path = line.split(':').slice(2).join(':').split('/');
    const at = path.findIndex((part) => podPart.test(part));
    if (at < 0) continue;
    const podUid = podPart.exec(path[at] ?? '')?.[1]?.replaceAll('_', '-') ?? '';
    const containerId = path.slice(at + 1).map((part) => containerPart.exec(part)?.[1]).find((id) => id !== undefined);
    return containerId === undefined ? { podUid } : { podUid, containerId };
  }
  return undefined;
}

/** Static pods carry a hash for a UID in their cgroup (no dashes): compare without them. */
export function sameUid(one: string, other: string): boolean {
  return one.replaceAll('-', '') === other.replaceAll('-', '');
}
