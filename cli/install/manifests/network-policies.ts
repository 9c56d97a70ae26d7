/**
 * What may reach our pods, where the cluster's network plugin enforces it. (Kubelet's probes pass everywhere.)
 * All pods of ours speak to the API server, whose address and port behind the Service are the provider's own affair, and
 * plugins judge before or after translation: so TCP goes out to anywhere.
 */
import { labels, names, systemNamespace } from '../../../protocol/names.ts';
import { hubPortRange, ports } from '../../../protocol/ports.ts';
import type { Manifest } from './manifest.ts';

/** Value of the component label on the pods of each part. */
export const components = { hub: 'hub', controller: 'controller', agent: 'agent', preview: 'preview' } as const;

const pods = (component: string): object => ({ podSelector: { matchLabels: { [labels.component]: component } } });
const hubPorts = (protocol: string): object => ({ protocol, port: hubPortRange.first, endPort: hubPortRange.last });
/** What leaves as a pod, between hub and agents. */
const tunnel = { protocol: 'UDP', port: ports.egress };
const anyTcp = { ports: [{ protocol: 'TCP', port: 1, endPort: 65535 }] };

export function networkPolicies(): Manifest[] {
  return [
    networkPolicy('default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    networkPolicy(names.hub, {
      ...pods(components.hub),
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        // WireGuard answers nobody without a known key.
        { ports: [{ protocol: 'UDP', port: ports.wireguard }] },
        { from: [pods(components.agent)], ports: [hubPorts('TCP')] },
        { from: [pods(components.agent)], ports: [tunnel] },
        // Whether it lives, where no bridged port tells it.
        { from: [pods(components.agent)], ports: [{ protocol: 'TCP', port: ports.health }] },
        // Bridged UDP comes from the bridged pods themselves; the hub's nftables know which.
        { from: [{ namespaceSelector: {} }], ports: [hubPorts('UDP')] },
      ],
      // Containers reach through the hub whatever the cluster's network lets a pod reach.
      egress: [{}],
    }),
    networkPolicy(names.agent, {
      ...pods(components.agent),
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [pods(components.hub)], ports: [...[ports.agent, ports.files].map((port) => ({ protocol: 'TCP', port })), tunnel] }],
      egress: [anyTcp, { to: [pods(components.hub)], ports: [tunnel] }],
    }),
    networkPolicy(names.preview, {
      ...pods(components.preview),
      policyTypes: ['Ingress', 'Egress'],
      // Browsers, through whatever leads to them. What they reach are the entries of previews only.
      ingress: [{ ports: [{ protocol: 'TCP', port: ports.preview }] }],
      egress: [anyTcp, { ports: [{ protocol: 'UDP', port: 53 }] }],
    }),
    networkPolicy(names.controller, { ...pods(components.controller), policyTypes: ['Ingress', 'Egress'], egress: [anyTcp] }),
  ];
}

function networkPolicy(name: string, spec: object): Manifest {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: systemNamespace }, spec };
}
