/**
 * The project as Compose itself has read it (`docker compose config`): interpolated, its files merged, profiles chosen. What podbridge
 * adds is added to that. Its form is canonical: environment and networks are mappings, volumes the long form.
 */
import { parse, stringify } from 'yaml';
import { BridgeError } from '../errors.ts';
import { suggest } from '../parse/suggest.ts';
import { choiceArguments, type ComposeChoice, type ComposeProgram } from './program.ts';

export interface ComposeService {
  image?: string;
  build?: unknown;
  command?: string[] | null;
  entrypoint?: string[] | null;
  user?: string;
  working_dir?: string;
  environment?: Record<string, string | null>;
  labels?: Record<string, string>;
  networks?: Record<string, unknown>;
  network_mode?: string;
  volumes?: { type: string; source?: string; target: string }[];
  extra_hosts?: string[];
  depends_on?: Record<string, unknown>;
  deploy?: { replicas?: number };
  scale?: number;
  [key: string]: unknown;
}

export interface ComposeModel {
  name: string;
  services: Record<string, ComposeService>;
  networks?: Record<string, unknown>;
  [key: string]: unknown;
}

/** The key of a service that podbridge reads; nothing after it is the same as `{}`. */
export const joinKey = 'x-bridge';

/** `$` begins a variable in compose files, `$$` stands for it. */
export function escaped<T>(value: T): T {
  return mapTexts(value, (text) => text.replaceAll('$', '$$$$'));
}

export function unescaped<T>(value: T): T {
  return mapTexts(value, (text) => text.replaceAll('$$', '$'));
}

function mapTexts<T>(value: T, change: (text: string) => string): T {
  if (typeof value === 'string') return change(value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => mapTexts(item, change)) as T;
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, content]) => [key, mapTexts(content as unknown, change)])) as T;
  return value;
}

/** @param services the only ones that matter, with those that they depend on; none: all */
export async function readModel(compose: ComposeProgram, choice: ComposeChoice, services: readonly string[] = []): Promise<ComposeModel> {
  const { stdout } = await compose.run([...choiceArguments(choice), 'config', ...services]);
  return parse(stdout, { merge: true }) as ComposeModel;
}

/** As Compose takes it from stdin. Long lines stay whole: values of variables are not to be folded. */
export function modelText(model: ComposeModel): string {
  return stringify(model, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Services that are joined to the cluster. Throws `compose-nothing-joined`. */
export function joinedServices({ services }: ComposeModel): string[] {
  const joined = Object.entries(services).filter(([, service]) => joinKey in service).map(([name]) => name);
  if (joined.length > 0) return joined;
  const near = Object.values(services).flatMap((service) => Object.keys(service)).find((key) => key.startsWith('x-') && suggest(key, [joinKey]) !== undefined);
  throw new BridgeError({
    kind: 'usage', code: 'compose-nothing-joined', what: 'no service of the project is joined to the cluster', why: near === undefined ? `none has the key ${joinKey}` : `did you mean ${joinKey} instead of ${near}?`,
    next: `write below a service: ${joinKey}: {target: deploy/NAME}   (docs/compose.md)`,
  });
}
