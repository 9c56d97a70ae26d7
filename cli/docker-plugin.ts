/**
 * `docker bridge ...`: docker finds programs named docker-NAME in its plugin folders, asks each for its metadata, and calls it
 * with its own options first, then NAME, then the rest (docs.docker.com/engine/extend/cli_plugins).
 */
import type { Host } from './host.ts';
import { version } from './version.ts';

const name = 'bridge';
const metadata = {
  SchemaVersion: '0.1.0', Vendor: 'podbridge', Version: version, ShortDescription: 'Run a container as if it were a pod of a Kubernetes cluster',
};
/** docker's own options that decide which Docker is meant. */
const places: Record<string, string> = { '--context': 'DOCKER_CONTEXT', '-c': 'DOCKER_CONTEXT', '--host': 'DOCKER_HOST', '-H': 'DOCKER_HOST', '--config': 'DOCKER_CONFIG' };

/** Docker's options become the environment that the Docker adapter reads; the rest is ours. */
export function pluginCall(argv: readonly string[]): { argv: string[]; env: Record<string, string> } {
  const env: Record<string, string> = {};
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === name) return { argv: argv.slice(index + 1), env };
    const [option = '', value] = word.split(/=(.*)/s);
    const variable = places[option];
    if (variable !== undefined) env[variable] = value ?? argv[++index] ?? '';
  }
  return { argv: [...argv], env: {} };
}

export async function asDockerPlugin(host: Host, main: (argv: readonly string[], host: Host) => Promise<number>): Promise<number> {
  if (host.argv[0] === 'docker-cli-plugin-metadata') {
    host.stdout.write(`${JSON.stringify(metadata)}\n`);
    return 0;
  }
  const { argv, env } = pluginCall(host.argv);
  return main(argv, { ...host, argv, env: { ...host.env, ...env } });
}
