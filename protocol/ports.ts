/** Every port number that two parts agree on. */

export const ports = {
  /** UDP, hub pod: WireGuard. Also the port of the hub's Service (its NodePort is the cluster's choice). */
  wireguard: 51820,
  /** UDP, hub's WireGuard address: heartbeats of clients. The source address is authentic, because WireGuard's allowed IPs are one address per peer. */
  heartbeat: 7070,
  /** TCP, 127.0.0.1 of the hub's pod, for port-forwards of the API server: WireGuard datagrams as a stream (datagram-stream.ts). */
  relay: 51821,
  /** TCP, agent pod address: HTTP server for identities (sealed for the client's key). */
  agent: 7080,
  /** TCP, agent pod address: SSH server for the files of bridged pods. Each bridge has a key of its own. */
  files: 7082,
  /** UDP, addresses of hub's and agents' pods: what leaves as a pod, between hub and agent (VXLAN). */
  egress: 4790,
  /** TCP, address of each pod of ours: /healthz, for the kubelet; the hub's for agents too that freeze without a TCP port. */
  health: 7081,
  /** TCP, pod of the preview gateway: HTTP from browsers. */
  preview: 7090,
  /** TCP, container of `bridge open`. */
  open: 7091,
} as const;

/** Range (inclusive) from which the controller assigns one hub port per bridged port. The same number is used on the client's WireGuard address. */
export const hubPortRange = { first: 20000, last: 29999 } as const;
