/** All commands, by name and summary; a command's file is loaded only when it is called, so that `bridge --help` loads none. */
import type { Command } from '../command.ts';

export interface CommandEntry {
  name: string;
  /** The same as in the command's own description (a test compares them). */
  summary: string;
  load(): Promise<Command>;
}

export const commands: readonly CommandEntry[] = [
  { name: 'run', summary: 'Run a container as if it were a pod of the cluster', load: async () => (await import('./run.ts')).command },
  { name: 'stop', summary: 'End bridges and remove their containers', load: async () => (await import('./stop.ts')).command },
  { name: 'list', summary: 'List bridges, their containers and links', load: async () => (await import('./list.ts')).command },
  { name: 'status', summary: 'Show link, bridges and containers as they are, and as they change', load: async () => (await import('./status.ts')).command },
  { name: 'logs', summary: 'Show the log of a bridge\'s container, or of podbridge\'s own parts', load: async () => (await import('./logs.ts')).command },
  { name: 'restart', summary: 'Restart the containers of bridges', load: async () => (await import('./restart.ts')).command },
  { name: 'tap', summary: 'Watch the HTTP requests that a workload gets', load: async () => (await import('./tap.ts')).command },
  { name: 'preview', summary: 'Give others a link that shows the system with a bridge', load: async () => (await import('./preview.ts')).command },
  { name: 'open', summary: 'See the system with your bridge in your own browser', load: async () => (await import('./open.ts')).command },
  { name: 'curl', summary: 'Ask the cluster with curl, as one of your bridge\'s requests', load: async () => (await import('./curl.ts')).command },
  { name: 'propagation', summary: 'Find out where a mark gets lost on its way', load: async () => (await import('./propagation.ts')).command },
  { name: 'exec', summary: 'Run a command in the container of a bridge', load: async () => (await import('./exec.ts')).command },
  { name: 'env', summary: 'Show the environment that a pod\'s process has', load: async () => (await import('./env.ts')).command },
  { name: 'files', summary: 'Copy the files of a pod\'s volumes to this machine', load: async () => (await import('./files.ts')).command },
  { name: 'compose', summary: 'Run a Docker Compose project whose services stand in the cluster', load: async () => (await import('./compose.ts')).command },
  { name: 'up', summary: 'Connect this machine\'s Docker to the cluster', load: async () => (await import('./up.ts')).command },
  { name: 'down', summary: 'End the link to the cluster, and every bridge over it', load: async () => (await import('./down.ts')).command },
  { name: 'clients', summary: 'See who has a link, invite people without credentials, and end links of others', load: async () => (await import('./clients.ts')).command },
  { name: 'recover', summary: 'Remove what crashes have left on this machine and in the cluster', load: async () => (await import('./recover.ts')).command },
  { name: 'init', summary: 'Write a bridge.yaml for targets in the cluster', load: async () => (await import('./init.ts')).command },
  { name: 'install', summary: 'Install or upgrade the cluster side', load: async () => (await import('./install.ts')).command },
  { name: 'uninstall', summary: 'Remove the cluster side and this machine\'s link to it', load: async () => (await import('./uninstall.ts')).command },
  { name: 'schema', summary: 'Print the JSON schema of bridge.yaml, for editors', load: async () => (await import('./schema.ts')).command },
  { name: 'doctor', summary: 'Find out what is wrong, and what repairs it', load: async () => (await import('./doctor.ts')).command },
  { name: 'completion', summary: 'Print the script that completes words in your shell', load: async () => (await import('./completion.ts')).command },
  { name: 'version', summary: 'Show the versions of this program, Docker and the cluster', load: async () => (await import('./version.ts')).command },
];
