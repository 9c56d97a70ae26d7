import type { Bench, Record } from './bench.ts';

export interface Row {
  case: string;
  metric: string;
  unit: string;
  /** In the order they were measured. */
  values: number[];
  min: number;
  median: number;
  max: number;
  /** Against the baseline's median, measured in the same run. */
  ratio?: number;
  difference?: number;
  target?: { text: string; reached: boolean };
}

export interface Summary {
  name: string;
  title: string;
  baseline?: string;
  rows: Row[];
}

export function median(values: number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Collects values, in the order of their first appearance. */
export function collector(): { record: Record; summary: (bench: Bench) => Summary } {
  const cases = new Map<string, Map<string, number[]>>();
  return {
    record(caseName, metric, value) {
      if (!Number.isFinite(value)) throw new Error(`${caseName}, ${metric}: ${value} is no measurement`);
      const metrics = cases.get(caseName) ?? new Map<string, number[]>();
      cases.set(caseName, metrics);
      metrics.set(metric, [...(metrics.get(metric) ?? []), value]);
    },
    summary: (bench) => ({ name: bench.name, title: bench.title, baseline: bench.baseline, rows: [...cases].flatMap(([name, metrics]) => rows(bench, cases, name, metrics)) }),
  };
}

function rows(bench: Bench, cases: Map<string, Map<string, number[]>>, name: string, metrics: Map<string, number[]>): Row[] {
  return bench.metrics.flatMap((metric) => {
    const values = metrics.get(metric.name);
    if (values === undefined) return [];
    const base = bench.baseline === undefined ? undefined : cases.get(bench.baseline)?.get(metric.name);
    const middle = median(values);
    const baseMedian = base === undefined ? undefined : median(base);
    const target = bench.targets?.find((one) => one.case === name && one.metric === metric.name);
    return [{
      case: name, metric: metric.name, unit: metric.unit, values,
      min: Math.min(...values), median: middle, max: Math.max(...values),
      ...(baseMedian === undefined || name === bench.baseline ? {} : { difference: middle - baseMedian, ...(baseMedian === 0 ? {} : { ratio: middle / baseMedian }) }),
      ...(target === undefined ? {} : { target: { text: target.text, reached: target.reached(middle, baseMedian) } }),
    }];
  });
}
