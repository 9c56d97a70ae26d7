/** Kinds from aggregated discovery (KEP-3352; all servers that have admission policies have it): one answer for all API groups. */
import type { DiscoveredKind } from './cluster.ts';

export const discoveryType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** apidiscovery.k8s.io/v2 APIGroupDiscoveryList, the parts that are read. */
export interface GroupList {
  items: { metadata: { name: string }; versions: { version: string; resources?: DiscoveredResource[] }[] }[];
}

interface DiscoveredResource {
  resource: string;
  /** Missing when the server behind an aggregated API does not answer. */
  responseKind?: { kind: string };
  scope: string;
  singularResource?: string;
  shortNames?: string[];
  subresources?: { subresource: string }[];
}

/** The versions of a group stand in order of preference: of each resource the first is taken. */
export function kindsOf({ items }: GroupList): DiscoveredKind[] {
  return items.flatMap(({ metadata: { name: group }, versions }) => {
    const found = new Map<string, DiscoveredKind>();
    for (const { version, resources = [] } of versions) {
      for (const { resource: plural, responseKind, scope, singularResource, shortNames, subresources } of resources) {
        if (responseKind === undefined || found.has(plural)) continue;
        found.set(plural, {
          apiVersion: `${group}/${version}`, kind: responseKind.kind, plural, namespaced: scope === 'Namespaced', singular: singularResource ?? responseKind.kind.toLowerCase(), shortNames: shortNames ?? [],
          scales: (subresources ?? []).some(({ subresource }) => subresource === 'scale'),
        });
      }
    }
    return [...found.values()];
  });
}
