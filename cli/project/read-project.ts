/** Reads a bridge.yaml and checks all of it: what it gives is right, or the error names every mistake. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { isPair, isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import type { Options, OptionSpec } from '../command.ts';
import { sourcePath } from '../bridge/bind.ts';
import { rulesFromOptions } from '../bridge/rules.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import type { Host } from '../host.ts';
import { checks } from './checks.ts';
import { optionValue, type Place } from './forms.ts';
import { interpolate } from './interpolate.ts';
import { addIssues } from './issues.ts';
import { extensionKey, keysOf, type Key } from './keys.ts';
import { Problems, type Path } from './problems.ts';
import type { Project, ProjectService } from './project.ts';
import { projectSchema } from './schema.ts';
import { splitWords } from './split-words.ts';

type Values = Record<string, unknown>;
type Reading = Pick<Host, 'cwd' | 'env' | 'homeDir'>;

/** A file with mistakes, and what it says for every command, where that is beyond doubt. */
export interface Mistaken {
  /** `project-unreadable`, `project-invalid`. */
  error: BridgeError;
  settings?: Options;
}

/** Throws nothing. */
export async function readProject(file: string, host: Reading): Promise<Project | Mistaken> {
  const [{ command }, { allOptions }] = await Promise.all([import('../commands/run.ts'), import('../parse/global-options.ts')]);
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    return { error: new BridgeError({ kind: 'usage', code: 'project-unreadable', what: `the project file ${file} cannot be read`, why: error instanceof Error ? error.message : String(error), next: `ls -l ${file}`, cause: error }) };
  }
  const shown = relative(host.cwd, file);
  return examineProject(content, { file, shown: shown.startsWith('..') ? file : shown, host, options: allOptions(command.options) });
}

export interface ProjectText {
  /** Absolute path; paths in the file are relative to its folder. */
  file: string;
  /** As messages call it. */
  shown: string;
  host: Pick<Host, 'env' | 'homeDir'>;
  /** Those of `bridge run`, the global ones included. */
  options: readonly OptionSpec[];
}

/** Throws `project-invalid`. */
export function parseProject(content: string, text: ProjectText): Project {
  const project = examineProject(content, text);
  if ('error' in project) throw project.error;
  return project;
}

function examineProject(content: string, { file, shown, host, options }: ProjectText): Project | Mistaken {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, merge: true, prettyErrors: false });
  const problems = new Problems(document, lines);
  for (const { pos, message } of document.errors) problems.at(pos[0], message);
  if (!problems.any && document.contents === null) problems.at(0, 'the file is empty: at least services belong there', [], 'services');
  if (problems.any) return { error: problems.error(shown), ...(problems.spareTop ? { settings: {} } : {}) };
  prepareScalars(document, host.env, problems);
  const values = withoutExtensions(document.toJS());
  const schema = projectSchema(options);
  const checked = schema.schema.safeParse(values);
  if (!checked.success) addIssues(checked.error.issues, schema, problems);

  const place = { folder: dirname(file), homeDir: host.homeDir };
  const reader = new Reader(options, problems, place, host.env);
  const services = Object.entries((values as { services?: Record<string, Values> }).services ?? {});
  const read = services.flatMap(([name, service]) => (problems.has(['services']) || !isMapping(service) ? [] : [reader.service(name, service)]));
  // A value of the top that only some commands need does not hide where the others are to act.
  const spareTop = problems.spareTop;
  const settings = spareTop ? reader.values(keysOf(options, 'project'), values as Values, []) : {};
  if (problems.any) {
    for (const { path, message } of reader.absent()) problems.add(path, message);
    return { error: problems.error(shown), ...(spareTop ? { settings } : {}) };
  }
  return {
    file, settings, services: new Map(read.map((service) => [service.name, service])),
    placeOf: (key) => `${shown}:${problems.place([key])}`,
    absent(named) {
      const found = new Problems(document, lines);
      for (const { path, message } of reader.absent()) if (named.includes(String(path[1]))) found.add(path, message);
      return found.any ? found.error(shown) : undefined;
    },
  };
}

function topKey(path: readonly unknown[]): string | undefined {
  const key = path.find(isPair)?.key;
  return isScalar(key) ? String(key.value) : undefined;
}

/** Numbers become what is written there (`1.10` is not 1.1), and variables their values. */
function prepareScalars(document: Document, env: Record<string, string | undefined>, problems: Problems): void {
  visit(document, {
    Scalar(key, node, path) {
      if (key === 'key') return;
      if (typeof node.value === 'number') node.value = node.source ?? String(node.value);
      if (typeof node.value !== 'string') return;
      const { text, missing, malformed } = interpolate(node.value, env);
      node.value = text;
      for (const name of missing) problems.at(node.range?.[0] ?? 0, `the variable ${name} is not set here, and \${${name}} has no default: \${${name}:-default}`, [], topKey(path));
      for (const begun of malformed) problems.at(node.range?.[0] ?? 0, `'${begun}' is no variable: ${begun.endsWith('}') ? 'it is written ${NAME} or ${NAME:-default}' : 'its } is missing'}; $\${ stands for \${`, [], topKey(path));
    },
  });
}

const isMapping = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);

function withoutExtensions(value: unknown): unknown {
  const drop = (mapping: unknown): unknown => (isMapping(mapping) ? Object.fromEntries(Object.entries(mapping).filter(([key]) => !extensionKey.test(key))) : mapping);
  const top = drop(value);
  if (!isMapping(top) || !isMapping(top.services)) return top;
  return { ...top, services: Object.fromEntries(Object.entries(top.services).map(([name, service]) => [name, drop(service)])) };
}

/** A path of this machine that the file names. */
interface Named {
  path: Path;
  /** Absolute. */
  file: string;
}

class Reader {
  readonly #keys: { service: Key[]; rule: Key[] };
  readonly #problems: Problems;
  readonly #place: Place;
  readonly #named: Named[] = [];
  /** Sources of mounts are paths of the machine that Docker runs on. */
  readonly #dockerElsewhere: boolean;

  constructor(options: readonly OptionSpec[], problems: Problems, place: Place, env: Record<string, string | undefined>) {
    this.#dockerElsewhere = /^(?:tcp|ssh|https?):/.test(env.DOCKER_HOST ?? '');
    this.#keys = { service: keysOf(options, 'service'), rule: keysOf(options, 'rule') };
    this.#problems = problems;
    this.#place = place;
  }

  absent(): { path: Path; message: string }[] {
    return this.#named.filter(({ file }) => !existsSync(file)).map(({ path, file }) => ({ path, message: `${file} is not there` }));
  }

  #names({ form }: Key, converted: unknown, path: Path): void {
    const files = [converted].flat().filter((value) => typeof value === 'string');
    const named = form === 'paths' ? files : form === 'mounts' && !this.#dockerElsewhere ? files.map(sourcePath) : [];
    this.#named.push(...named.filter((file) => file !== undefined).map((file) => ({ path, file })));
  }

  /** What is wrong already is left alone. */
  #try<T>(path: Path, act: () => T): T | undefined {
    if (this.#problems.below(path)) return undefined;
    try {
      return act();
    } catch (error) {
      if (!isBridgeError(error)) throw error;
      // The words are those of flags, whose names mean nothing here.
      this.#problems.add(path, [error.facts.what.replace(/^--?[a-z-]+:? /, ''), error.facts.why].filter(Boolean).join(': '));
      return undefined;
    }
  }

  #value(key: Key, value: unknown, path: Path): ProjectService['options'][string] {
    const check = checks[key.name] ?? (this.#keys.rule.includes(key) ? (text: string) => rulesFromOptions({ [key.name]: [text] }) : undefined);
    const one = (item: unknown, at: Path) => this.#try(at, () => {
      const converted = optionValue(key, item, this.#place);
      for (const text of [converted].flat()) if (typeof text === 'string') check?.(text);
      this.#names(key, converted, at);
      return converted;
    });
    if (this.#problems.has(path)) return undefined;
    // Item by item, so that a mistake has its own line.
    if (isMapping(value)) return Object.entries(value).flatMap(([name, content]) => (one({ [name]: content }, [...path, name]) as string[] | undefined) ?? []);
    return Array.isArray(value) ? value.flatMap((item, index) => (one([item], [...path, index]) as string[] | undefined) ?? []) : one(value, path);
  }

  values(keys: Key[], values: Values, path: Path): ProjectService['options'] {
    return Object.fromEntries(keys.filter(({ key }) => values[key] !== undefined).map((key) => [key.name, this.#value(key, values[key.key], [...path, key.key])]));
  }

  service(name: string, values: Values): ProjectService {
    const path = ['services', name];
    const options = { ...this.values(this.#keys.service, values, path), ...this.#build(values.build, [...path, 'build']) };
    const listed = Array.isArray(values.rules);
    const rules = [values.rules ?? []].flat().map((rule, index) => (isMapping(rule) ? this.#rule(rule, [...path, 'rules', ...(listed ? [index] : [])]) : []));
    const command = Array.isArray(values.command) ? values.command.map(String) : typeof values.command === 'string' ? this.#try([...path, 'command'], () => splitWords(String(values.command))) : undefined;
    if (values.image === undefined && values.build === undefined) this.#problems.add(path, 'image or build is missing', 'key');
    if (values.target === undefined) {
      for (const key of ['container', 'ports', 'rules']) if (values[key] !== undefined) this.#problems.add([...path, key], 'it says what of a target is bridged, but there is no target', 'key');
      if (values.egress === 'pod') this.#problems.add([...path, 'egress'], 'the way out is through a pod of the target, but there is no target', 'key');
    }
    return { name, options, rules: rules.flat(), command: command ?? [] };
  }

  #rule(values: Values, path: Path): ProjectService['rules'] {
    const options = this.values(this.#keys.rule, values, path);
    return this.#problems.below(path) ? [] : rulesFromOptions(options);
  }

  #build(value: unknown, path: Path): ProjectService['options'] {
    if (typeof value !== 'string' && !isMapping(value)) return {};
    const { context = '.', dockerfile, target, args } = typeof value === 'string' ? { context: value } : value as { context?: string; dockerfile?: string; target?: string; args?: string[] | Record<string, unknown> };
    const folder = resolve(this.#place.folder, String(context));
    if (!this.#problems.below(path)) this.#named.push({ path: isMapping(value) && value.context !== undefined ? [...path, 'context'] : path, file: folder });
    return {
      build: folder, ...(dockerfile === undefined ? {} : { dockerfile: String(dockerfile) }), ...(target === undefined ? {} : { buildTarget: String(target) }),
      ...(args === undefined ? {} : { buildArg: Array.isArray(args) ? args.map(String) : Object.entries(args).map(([name, content]) => `${name}=${String(content)}`) }),
    };
  }
}
