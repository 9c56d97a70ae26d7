/** Kernels of the nodes: bridging needs nft with tproxy, which Linux has from 4.19 on. */
import { resources, type KubeObject } from '../../adapters/cluster/index.ts';
import { isBridgeError } from '../../errors.ts';
import type { Check } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

interface Node extends KubeObject {
  status?: { nodeInfo?: { kernelVersion?: string; operatingSystem?: string; architecture?: string }; conditions?: { type: string; status: string }[] };
}

const oldest = [4, 19] as const;

export function nodeFindings(nodes: readonly Node[]): Finding[] {
  const linux = nodes.filter(({ status }) => (status?.nodeInfo?.operatingSystem ?? 'linux') === 'linux');
  const findings = linux.flatMap(({ metadata, status }): Finding[] => {
    const [major = 0, minor = 0] = (status?.nodeInfo?.kernelVersion ?? '').split('.').map(Number);
    if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return [];
    return [{ code: 'node-kernel-too-old', severity: 'warning', what: `the kernel ${status?.nodeInfo?.kernelVersion} of node ${metadata.name} is too old`, why: `pods there cannot be bridged: nft tproxy is there from ${oldest.join('.')} on` }];
  });
  for (const { metadata, status } of linux) {
    if (status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value !== 'True') === true) findings.push({ code: 'node-not-ready', severity: 'warning', what: `node ${metadata.name} is not ready`, why: 'no agent runs there, and its pods are not bridged', fix: `kubectl describe node ${metadata.name}` });
  }
  if (linux.length < nodes.length) findings.push({ code: 'node-windows', severity: 'info', what: `${nodes.length - linux.length} of ${nodes.length} nodes do not run Linux`, why: 'their pods cannot be bridged' });
  return findings.length > 0 ? findings : [ok('node-kernels', `${nodes.length} nodes with kernels ${[...new Set(linux.map(({ status }) => status?.nodeInfo?.kernelVersion))].join(', ')}`)];
}

export const nodesCheck: Check = {
  id: 'nodes', area: 'cluster', title: 'Nodes',
  async run({ cluster: connect }) {
    try {
      return nodeFindings((await (await connect()).list<Node>(resources.Node)).items);
    } catch (error) {
      // Users with the shipped role may not list nodes; agents tell of kernels that do not fit.
      if (isBridgeError(error) && error.facts.code === 'cluster-forbidden') return [];
      throw error;
    }
  },
};
