/** What nodes and pods are made of outside of Kubernetes' objects, as lines that can be compared: none of them changes by itself. */
import { inPodNetwork, onNode, type PlacedPod } from './nodes.ts';

/** Of one network namespace. Counters, and numbers that the kernel counts by itself, are left out. */
const network = `
echo 'nftables:'; nft -s list ruleset 2>/dev/null | sed -E 's/counter packets [0-9]+ bytes [0-9]+/counter/g'
echo 'links:'; ip -o link | sed -E 's/^[0-9]+: //'
echo 'addresses:'; ip -o addr | sed -E 's/^[0-9]+: //; s/valid_lft.*//'
echo 'rules:'; ip rule; ip -6 rule
echo 'routes:'; ip route show table all; ip -6 route show table all | sed -E 's/ expires [0-9]+sec//'
echo 'listening:'; ss -Hltn | tr -s ' ' | cut -d' ' -f4 | sort
echo 'settings:'; grep -rs . /proc/sys/net | grep -v conntrack_count
`;

/** Of a node besides: network namespaces, what the kubelet keeps for pods, and processes by the names of podbridge's own. */
const rest = `
echo 'network namespaces:'; lsns -n -t net | wc -l; ls /run/netns 2>/dev/null
echo 'directories of pods:'; ls /var/lib/kubelet/pods
echo 'processes:'; grep -saohE '[h]aproxy|[p]od-files|[w]ireguard-go|[s]towaway' /proc/[0-9]*/cmdline | sort
`;

function lines(text: string, where: string): string[] {
  let part = '';
  return text.split('\n').flatMap((line) => {
    if (/^[a-z][a-z ]*:$/.test(line)) part = line;
    else if (line.trim() !== '') return [`${where}, ${part} ${line.trim()}`];
    return [];
  });
}

export async function podSurroundings(pods: readonly PlacedPod[]): Promise<string[]> {
  return (await Promise.all(pods.map(async (pod) => lines(await inPodNetwork(pod, network), `pod ${pod.metadata.name}`)))).flat();
}

export async function nodeSurroundings(nodes: readonly string[]): Promise<string[]> {
  return (await Promise.all(nodes.map(async (node) => lines(await onNode(node, network + rest), `node ${node}`)))).flat();
}
