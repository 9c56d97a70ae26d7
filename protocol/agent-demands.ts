/** What an agent's pod needs that a cluster may forbid: the controller asks for it, and `bridge install` tries whether it is allowed. */

/**
 * Each capability, and what does not work without it (all were tried):
 *   SYS_PTRACE  /proc/PID/root, /proc/PID/environ and /proc/PID/ns of other people's processes; holding processes still (--freeze)
 *   DAC_READ_SEARCH  /proc/PID/environ and files of containers that do not run as root: they belong to another user, mode 0400
 *   SYS_ADMIN   entering the pod's network namespace, and naming it for HAProxy (setns, bind mount in our own mount namespace)
 *   NET_ADMIN   nftables, routes and transparent sockets in the pod's network namespace
 * and for files of pods (pod-files/):
 *   SYS_CHROOT  entering the container's mount namespace (setns), and the root that a session is confined to
 *   SETUID, SETGID  a session has the ids of the container's process
 *   CHOWN, DAC_OVERRIDE, FOWNER  a session of a container that runs as root and has them has them too; others lose them
 * No hostPath, no host network, no runtime socket.
 */
const capabilities = ['SYS_ADMIN', 'SYS_PTRACE', 'DAC_READ_SEARCH', 'NET_ADMIN', 'SYS_CHROOT', 'SETUID', 'SETGID', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER'];

/** Of the pod's spec. */
export const agentPodDemands = { hostPID: true } as const;

/** The container's securityContext. */
export const agentSecurityContext = {
  runAsUser: 0,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'], add: capabilities },
  // Where AppArmor is in force, the runtime's default profile forbids the bind mounts of `ip netns attach`.
  appArmorProfile: { type: 'Unconfined' },
};

/** HAProxy is in the way of requests: it must not starve beside what else runs on the node. */
export const agentResources = { requests: { cpu: '100m', memory: '96Mi' }, limits: { memory: '512Mi' } } as const;
