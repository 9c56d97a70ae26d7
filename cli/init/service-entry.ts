/** A service of bridge.yaml for a target as the cluster has it, with words about what to change. */
import { targetWords } from '../../protocol/target.ts';
import type { ResolvedTarget } from '../target/resolve-target.ts';

export interface EntryQuestion {
  target: ResolvedTarget;
  /** The target has several containers. */
  severalContainers: boolean;
  /** Folder with a Dockerfile, relative to the file. */
  build?: string;
}

export function serviceNameOf({ ref }: ResolvedTarget): string {
  return ref.name.replace(/[^a-z0-9-]+/g, '-').slice(0, 40).replace(/-+$/, '');
}

/** A text that YAML takes for what it is. */
const quoted = (text: string): string => (/^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/.test(text) && !/:$/.test(text) && !/^(?:true|false|null)$/i.test(text) ? text : JSON.stringify(text));

/** Lines, not indented. */
export function serviceEntry({ target, severalContainers, build }: EntryQuestion): string[] {
  const { ref, container, ports } = target;
  const tcp = ports.filter(({ protocol }) => protocol === 'TCP');
  const port = (container.ports ?? []).find((candidate) => candidate.containerPort === ports[0]?.port)?.name ?? ports[0]?.port ?? 8080;
  const names = (container.env ?? []).map(({ name }) => name);
  return [
    `target: ${targetWords(ref)}`,
    ...(severalContainers ? [`container: ${container.name}`] : []),
    ...(build === undefined ? [
      '# The image that the pods run. Yours instead: image: NAME, or build: FOLDER with a Dockerfile.',
      `image: ${quoted(container.image ?? 'IMAGE')}`,
    ] : [`build: ${quoted(build)}`, ...(container.image === undefined ? [] : [`# The pods run ${container.image}`])]),
    ...(ports.length === 0 ? ['# The container declares no ports: name them, or nothing is bridged.', 'ports: none'] : [
      `# All ports that the container declares (${ports.map((entry) => `${entry.port}${entry.protocol === 'UDP' ? '/udp' : ''}`).join(', ')}) come here. Only some, or to another port of your container:`,
      `# ports: ["${port}", "${ports[0]!.port}:3000"]`,
    ]),
    ...(tcp.length === 0 ? [] : ['# Without rules all requests come here. Only those with the header baggage: bridge=<your name>:', '# rules: {mark: "${USER}"}']),
    `# It has the environment of the pod${names.length === 0 ? '' : ` (${names.slice(0, 5).join(', ')}${names.length > 5 ? ', ...' : ''})`}. More, or other values:`,
    '# env: {LOG_LEVEL: debug}',
    '# mounts: [./src:/app/src]',
    '# command: npm run dev',
  ];
}
