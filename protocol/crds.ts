/** The CustomResourceDefinitions, ready to be applied. */
import { bridgeSchema } from './bridge-schema.ts';
import { clientSchema } from './client-schema.ts';
import { apiGroup, apiVersion, labels, managedBy } from './names.ts';
import type { Schema } from './schema.ts';

export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'date' | 'boolean';
  jsonPath: string;
  description?: string;
  /** 0: always; 1: only with `-o wide`. */
  priority?: number;
}

export interface CustomResourceDefinition {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string; labels: Record<string, string> };
  spec: Record<string, unknown>;
}

interface Definition {
  kind: string;
  plural: string;
  singular: string;
  shortNames: string[];
  schema: Schema;
  columns: PrinterColumn[];
}

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const ready = (field: 'reason' | 'message'): string => `.status.conditions[?(@.type=="Ready")].${field}`;

function definition({ kind, plural, singular, shortNames, schema, columns }: Definition): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${apiGroup}`, labels: { [labels.managedBy]: managedBy } },
    spec: {
      group: apiGroup,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories: [managedBy] },
      versions: [{
        name: apiVersion, served: true, storage: true,
        schema: { openAPIV3Schema: schema },
        subresources: { status: {} },
        additionalPrinterColumns: columns,
      }],
    },
  };
}

export const clientCrd = definition({
  kind: 'Client', plural: 'clients', singular: 'client', shortNames: ['brc'], schema: clientSchema,
  columns: [
    { name: 'Owner', type: 'string', jsonPath: '.spec.owner' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Address', type: 'string', jsonPath: '.status.address' },
    { name: 'Transport', type: 'string', jsonPath: '.status.transport' },
    { name: 'Phase Since', type: 'date', jsonPath: '.status.lastSeen', description: 'When the phase last changed' },
    { name: 'Message', type: 'string', jsonPath: ready('message'), priority: 1 },
    age,
  ],
});

export const bridgeCrd = definition({
  kind: 'Bridge', plural: 'bridges', singular: 'bridge', shortNames: ['br'], schema: bridgeSchema,
  columns: [
    { name: 'Target', type: 'string', jsonPath: '.status.summary.target' },
    { name: 'Ports', type: 'string', jsonPath: '.status.summary.ports', description: 'Port of the pods, and of the container where it differs' },
    { name: 'Requests', type: 'string', jsonPath: '.status.summary.match', description: 'Which requests are bridged' },
    { name: 'Owner', type: 'string', jsonPath: '.spec.owner' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Pods', type: 'string', jsonPath: '.status.summary.pods', description: 'Pods attached of pods wanted' },
    { name: 'Reason', type: 'string', jsonPath: ready('reason') },
    { name: 'Client', type: 'string', jsonPath: '.spec.client', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: ready('message'), priority: 1 },
    age,
  ],
});

export const customResourceDefinitions: CustomResourceDefinition[] = [clientCrd, bridgeCrd];
