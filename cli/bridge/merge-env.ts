/** The container's environment: what the process in the pod has, less what belongs to an image or a shell, then the user's own words. */
import { BridgeError } from '../errors.ts';
import { passes, type EnvFilter } from './env-filter.ts';

export type EnvEntry = [name: string, value: string];

/** Set by the runtime or a shell for one place; true elsewhere only by accident. */
const ofPlaceOrShell = new Set(['PATH', 'HOME', 'HOSTNAME', 'PWD', 'OLDPWD', 'SHLVL', 'TERM', '_']);

/** Variables by which images say what is in them. Where both images set one, the one that runs here is right. */
const ofImage = /^(?:LANG|LANGUAGE|LC_[A-Z]+|TZDIR|NODE_VERSION|YARN_VERSION|NPM_VERSION|JAVA_HOME|JAVA_VERSION|JDK_VERSION|GOLANG_VERSION|GOTOOLCHAIN|GOPATH|GOROOT|PYTHON_[A-Z0-9_]+|PYTHONHOME|GPG_KEYS?|RUBY_[A-Z0-9_]+|GEM_HOME|BUNDLE_[A-Z_]+|PHP_[A-Z0-9_]+|PHPIZE_DEPS|NGINX_VERSION|NJS_VERSION|NJS_RELEASE|PKG_RELEASE|DYNPKG_RELEASE|DOTNET_[A-Z0-9_]+|ASPNET_VERSION|RUST_VERSION|CARGO_HOME|RUSTUP_HOME|PERL_VERSION|ERLANG_VERSION|ELIXIR_VERSION|DEBIAN_FRONTEND|SSL_CERT_(?:FILE|DIR))$/;

/** The part of a pod's container that tells where its variables come from. */
type Declaring = { env?: { name: string }[]; envFrom?: unknown[] };

export function declaredBy(container: Declaring | undefined): EnvQuestion['declared'] {
  return { names: new Set((container?.env ?? []).map(({ name }) => name)), hasEnvFrom: (container?.envFrom ?? []).length > 0 };
}

export interface EnvQuestion {
  /** Of the pod's process. */
  pod: EnvEntry[];
  /** `NAME=VALUE` lines of the local image. */
  image: string[];
  /** Names that the pod's container declares under `env`, and whether it has `envFrom` (whose names are not known). */
  declared: { names: Set<string>; hasEnvFrom: boolean };
  /** From `--env-file` and `-e`, in the order in which later ones win. */
  own: EnvEntry[];
  /** Of the pod's variables; absent: all. */
  filter?: EnvFilter;
}

function nameOf(line: string): string {
  return line.split('=', 1)[0]!;
}

/** What the container gets beyond its image's own ENV, as `NAME=VALUE`. Values may be multi-line: the Docker API takes them as they are. */
export function mergeEnv({ pod, image, declared, own, filter }: EnvQuestion): string[] {
  const imageNames = new Set(image.map(nameOf));
  const wanted = filter === undefined ? () => true : passes(filter);
  const merged = new Map<string, string>();
  for (const [name, value] of pod) {
    if (name === '' || !wanted(name)) continue;
    if (ofPlaceOrShell.has(name) || name.startsWith('LD_')) continue;
    if (imageNames.has(name) && !declared.names.has(name) && (ofImage.test(name) || !declared.hasEnvFrom)) continue;
    merged.set(name, value);
  }
  for (const [name, value] of own) merged.set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

/** For a program of this machine: what this machine's own tools are told by variables stays, the pod's words win over the rest. */
export function overHostEnv(host: Record<string, string | undefined>, pod: EnvEntry[], container: Declaring): Record<string, string | undefined> {
  const here = Object.keys(host).filter((name) => host[name] !== undefined);
  const merged = mergeEnv({ pod, image: here, declared: declaredBy(container), own: [] });
  return { ...host, ...Object.fromEntries(merged.map((line) => [nameOf(line), line.slice(nameOf(line).length + 1)])) };
}

function parseLine(line: string, hostEnv: Record<string, string | undefined>, where: string): EnvEntry | undefined {
  const name = nameOf(line);
  if (name === '' || /\s/.test(name)) {
    throw new BridgeError({ kind: 'usage', code: 'env-malformed', what: `${where}: '${line}' is no variable`, why: name === '' ? 'the name is missing' : 'the name has a space in it', next: '-e NAME=VALUE, or -e NAME to take it from here' });
  }
  if (line.includes('=')) return [name, line.slice(name.length + 1)];
  const value = hostEnv[name];
  return value === undefined ? undefined : [name, value];
}

/** `-e NAME=VALUE`, or `-e NAME` for the value that it has here (not set here: not passed on, as docker does). */
export function envFromFlags(flags: string[], hostEnv: Record<string, string | undefined>): EnvEntry[] {
  return flags.map((flag) => parseLine(flag, hostEnv, '-e')).filter((entry) => entry !== undefined);
}

/** Docker's format: one `NAME=VALUE` or `NAME` a line, `#` comments, no quoting. */
export function envFromFile(text: string, hostEnv: Record<string, string | undefined>, file: string): EnvEntry[] {
  const entries: EnvEntry[] = [];
  for (const [index, raw] of text.replace(/^\uFEFF/, '').split(/\r?\n/).entries()) {
    const line = raw.trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const entry = parseLine(line, hostEnv, `${file}:${index + 1}`);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}
