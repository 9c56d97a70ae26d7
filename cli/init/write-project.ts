/** The text of a bridge.yaml: a new one, or one to which services are added without touching what stands there. */
import { isMap, parseDocument } from 'yaml';
import { asTyped } from '../advice.ts';
import { BridgeError } from '../errors.ts';
import type { Program } from '../host.ts';

export interface Entry {
  name: string;
  /** Lines of its mapping, not indented. */
  lines: string[];
}

const indented = (lines: readonly string[], by: string): string[] => lines.map((line) => `${by}${line}`);
const block = (entries: readonly Entry[]): string => entries.flatMap(({ name, lines }) => [`  ${name}:`, ...indented(lines, '    ')]).join('\n');

export function newProject(entries: readonly Entry[], place: { context: string; namespace: string; program: Program }): string {
  return [
    asTyped(place.program, '# bridge run NAME: a container of this machine takes the place of a workload in the cluster.'),
    asTyped(place.program, '# Keys: docs/project-file.md of podbridge. For editors: bridge schema > .bridge.schema.json, and this line:'),
    '# yaml-language-server: $schema=.bridge.schema.json',
    '',
    '# Contexts are called differently on other machines; without this the current one is used.',
    `# context: ${place.context}`,
    `namespace: ${place.namespace}`,
    'services:',
    block(entries),
    '',
  ].join('\n');
}

/** Throws `service-exists`, or `project-unreadable` where there is no block mapping of services to add to. */
export function extendProject(text: string, entries: readonly Entry[], file: string): string {
  const document = parseDocument(text);
  const services = document.get('services', true);
  if (!isMap(services) || services.flow === true || services.range === undefined || services.range === null || document.errors.length > 0) {
    throw new BridgeError({ kind: 'usage', code: 'project-unreadable', what: `nothing can be added to ${file}`, why: document.errors[0]?.message ?? 'it has no services, or they are written in braces', next: 'bridge init deploy/NAME --print' });
  }
  const taken = entries.find(({ name }) => services.has(name));
  if (taken !== undefined) throw new BridgeError({ kind: 'usage', code: 'service-exists', what: `there is a service ${taken.name} in ${file} already`, next: `bridge run ${taken.name}` });
  const end = services.range[1];
  const before = text.slice(0, end).replace(/\s*$/, '\n');
  return `${before}${block(entries)}\n${text.slice(end)}`;
}
