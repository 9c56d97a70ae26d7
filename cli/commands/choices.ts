/** Reads options of a command's context with their types. */
import type { ClusterChoice } from '../adapters/cluster/index.ts';
import type { Options as Values } from '../command.ts';

interface Options { options: Values }

/** The value of an option that takes one. */
export function text({ options }: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** The values of a repeatable option. */
export function texts({ options }: Options, name: string): string[] {
  const value = options[name];
  return Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
}

export function flag({ options }: Options, name: string): boolean {
  return options[name] === true;
}

export function clusterChoice(context: Options): ClusterChoice {
  const kubeconfig = text(context, 'kubeconfig');
  const name = text(context, 'context');
  return { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(name === undefined ? {} : { context: name }) };
}
