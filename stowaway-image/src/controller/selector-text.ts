/** metav1.LabelSelector in string form. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: string[] }[];
}

/** Empty for a selector without any requirement. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  return [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      switch (operator) {
        case 'In': return `${key} in (${values.join(',')})`;
        case 'NotIn': return `${key} notin (${values.join(',')})`;
        case 'Exists': return key;
        case 'DoesNotExist': return `!${key}`;
      }
    }),
  ].join(',');
}
