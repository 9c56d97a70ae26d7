/**
 * The kubeconfig as kubectl reads it: `--kubeconfig` alone, else every file of KUBECONFIG (missing ones are skipped, the first
 * definition of a name wins), else ~/.kube/config. client-node's own loading throws on a missing first file and on duplicates.
 */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { BridgeError } from '../../errors.ts';
import type { Host } from '../../host.ts';
import type { ContextInfo } from './cluster.ts';
import type { ClusterChoice } from './index.ts';
import { proxyFor } from './proxy.ts';
import { shellWord } from '../../shell-words.ts';

export interface LoadedConfig {
  config: KubeConfig;
  context: ContextInfo;
}

type ConfigHost = Pick<Host, 'env' | 'homeDir' | 'cwd'>;

function candidateFiles(host: ConfigHost, flag: string | undefined): string[] {
  if (flag !== undefined) {
    const file = resolve(host.cwd, flag);
    if (!existsSync(file)) {
      throw new BridgeError({ kind: 'usage', code: 'kubeconfig-missing', what: `there is no kubeconfig file ${file}`, next: 'give --kubeconfig the path of an existing file' });
    }
    return [file];
  }
  const fromEnv = (host.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  const files = fromEnv.length > 0 ? fromEnv.map((file) => resolve(host.cwd, file)) : [join(host.homeDir, '.kube', 'config')];
  const present = files.filter((file) => existsSync(file));
  if (present.length === 0) {
    throw new BridgeError({
      kind: 'environment', code: 'kubeconfig-missing', what: `no kubeconfig was found (looked for ${files.join(', ')})`,
      why: fromEnv.length > 0 ? 'KUBECONFIG names files that do not exist' : 'no cluster has been set up for this user yet',
      next: 'bridge --kubeconfig FILE ..., or set KUBECONFIG',
    });
  }
  return present;
}

function readFile(file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromString(readFileSync(file, 'utf8'), { onInvalidEntry: 'filter' });
  } catch (error) {
    throw new BridgeError({
      kind: 'environment', code: 'kubeconfig-invalid', what: `the kubeconfig file ${file} cannot be read`,
      why: error instanceof Error ? error.message.split('\n')[0] : String(error), next: `kubectl --kubeconfig ${file} config view`, cause: error,
    });
  }
  config.makePathsAbsolute(dirname(file));
  // As kubectl: a plugin named by a relative path with a slash lies beside the kubeconfig.
  for (const user of config.users) {
    const exec = user.exec as { command?: string } | undefined;
    if (exec?.command !== undefined && /[\\/]/.test(exec.command) && !isAbsolute(exec.command)) exec.command = join(dirname(file), exec.command);
  }
  return config;
}

function firstWins<T extends { name: string }>(lists: T[][]): T[] {
  const seen = new Map<string, T>();
  for (const entry of lists.flat()) if (!seen.has(entry.name)) seen.set(entry.name, entry);
  return [...seen.values()];
}

function chooseContext(config: KubeConfig, wanted: string | undefined, files: string[]): string {
  const names = config.contexts.map((context) => context.name);
  if (wanted !== undefined) {
    if (names.includes(wanted)) return wanted;
    throw new BridgeError({
      kind: 'usage', code: 'context-missing', what: `there is no context ${wanted} in ${files.join(', ')}`,
      why: names.length === 0 ? 'the kubeconfig has no contexts' : `there are: ${names.join(', ')}`, next: 'kubectl config get-contexts',
    });
  }
  if (config.currentContext !== '' && names.includes(config.currentContext)) return config.currentContext;
  throw new BridgeError({
    kind: 'environment', code: 'context-unset', what: config.currentContext === '' ? 'the kubeconfig names no current context' : `the current context ${config.currentContext} does not exist`,
    why: names.length === 0 ? `${files.join(', ')} has no contexts` : `there are: ${names.join(', ')}`,
    next: names.length === 0 ? 'bridge --kubeconfig FILE ...' : `kubectl config use-context ${names[0]}`,
  });
}

/** Names of all contexts, for completion. Throws what reading the files throws. */
export function contextNames(host: ConfigHost, kubeconfig: string | undefined): string[] {
  const parts = candidateFiles(host, kubeconfig === '' ? undefined : kubeconfig).map(readFile);
  return firstWins(parts.map((part) => part.contexts)).map(({ name }) => name);
}

export function loadKubeconfig(host: ConfigHost, choice: ClusterChoice): LoadedConfig {
  const files = candidateFiles(host, choice.kubeconfig);
  const parts = files.map(readFile);
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: firstWins(parts.map((part) => part.clusters)),
    users: firstWins(parts.map((part) => part.users)),
    contexts: firstWins(parts.map((part) => part.contexts)),
    currentContext: parts.map((part) => part.currentContext).find((name) => typeof name === 'string' && name !== '') ?? '',
  });
  const name = chooseContext(config, choice.context, files);
  config.setCurrentContext(name);
  const context = config.getContextObject(name);
  const cluster = config.getCurrentCluster();
  if (context === null || cluster === null) {
    throw new BridgeError({
      kind: 'environment', code: 'kubeconfig-invalid', what: `context ${name} names the cluster ${context?.cluster ?? '(none)'}, which the kubeconfig does not have`,
      next: 'kubectl config view',
    });
  }
  const proxyUrl = cluster.proxyUrl ?? proxyFor(cluster.server, host.env);
  if (proxyUrl !== undefined && !URL.canParse(proxyUrl)) {
    throw new BridgeError({ kind: 'usage', code: 'proxy-malformed', what: 'the proxy for the API server is no URL', why: cluster.proxyUrl === undefined ? 'HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is malformed' : `proxy-url of cluster ${cluster.name} in the kubeconfig is malformed`, next: 'write it like http://proxy.example:3128' });
  }
  // client-node refuses plain http unless verification is off; kubectl does not.
  const skipTLSVerify = cluster.skipTLSVerify || cluster.server.startsWith('http:');
  config.clusters = config.clusters.map((entry) => (entry.name === cluster.name ? { ...entry, skipTLSVerify, ...(proxyUrl === undefined ? {} : { proxyUrl }) } : entry));
  const authority = cluster.caData === undefined ? (cluster.caFile === undefined ? undefined : readAuthority(cluster.caFile)) : Buffer.from(cluster.caData, 'base64').toString('utf8');
  return {
    config,
    context: {
      name, server: cluster.server, skipTlsVerify: cluster.skipTLSVerify === true, namespace: context.namespace ?? 'default', user: context.user, files,
      kubectl: ['kubectl', ...(choice.kubeconfig === undefined ? [] : ['--kubeconfig', shellWord(files[0]!)]), '--context', shellWord(name)].join(' '),
      ...(cluster.tlsServerName === undefined ? {} : { tlsServerName: cluster.tlsServerName }), ...(proxyUrl === undefined ? {} : { proxyUrl }),
      ...(authority === undefined ? {} : { certificateAuthority: authority }),
    },
  };
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BridgeError({ kind: 'environment', code: 'kubeconfig-invalid', what: `the certificate authority ${file} cannot be read`, next: 'kubectl config view', cause: error });
  }
}
