import { describe, expect, test } from '@jest/globals';
import { cgroupOwner } from '../../../stowaway-image/src/agent/pods/cgroup.ts';

const uid = '0f8fad5b-d9cb-469f-a165-70867728950e';
const id = 'ab'.repeat(32);

describe('owner of a process from its cgroup', () => {
  test.each([
    ['v1 cgroupfs', `12:memory:/kubepods/burstable/pod${uid}/${id}\n11:cpu:/kubepods/burstable/pod${uid}/${id}\n`],
    ['v1 cgroupfs below another root', `3:cpu:/kubelet/kubepods/besteffort/pod${uid}/${id}`],
    ['v2 cgroupfs', `0::/kubepods/pod${uid}/${id}\n`],
    ['v2 systemd, containerd', `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope\n`],
    ['v2 systemd, CRI-O', `0::/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/crio-${id}.scope/container\n`],
    ['v1 systemd, Docker', `5:devices:/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice/docker-${id}.scope`],
    ['private cgroup namespace', `0::/../../pod${uid}/${id}\n`],
    ['hybrid: v1 beside an empty v2', `1:name=systemd:/\n0::/\n4:pids:/kubepods/burstable/pod${uid}/${id}\n`],
    ['v1 with colons in the name of a unit', `1:name=systemd:/system.slice/containerd.service/kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice:cri-containerd:${id}\n2:pids:/kubepods/pod${uid}/${id}`],
  ])('%s', (_, text) => {
    expect(cgroupOwner(text)).toEqual({ podUid: uid, containerId: id });
  });

  test('static pods have a hash for a UID', () => {
    expect(cgroupOwner(`0::/kubepods/pod${'0a'.repeat(16)}/${id}`)?.podUid).toBe('0a'.repeat(16));
  });

  test('a process directly in the pod has no container', () => {
    expect(cgroupOwner(`0::/kubepods/pod${uid}\n`)).toEqual({ podUid: uid });
  });

  test.each(['0::/\n', '0::/system.slice/sshd.service', `0::/docker/${id}`, '', `0::/user.slice/podcast-${uid}`, 'garbage'])('nobody\'s: %j', (text) => {
    expect(cgroupOwner(text)).toBeUndefined();
  });
});
