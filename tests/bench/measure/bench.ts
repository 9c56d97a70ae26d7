/** What a bench is: cases (ways to do the same thing, one of them the baseline) measured by some metrics, in rounds that alternate. */
import type { Environment } from './environment.ts';

export interface Metric {
  /** Short: `c=1 p50`. */
  name: string;
  unit: string;
  better: 'lower' | 'higher';
}

export interface Target {
  case: string;
  metric: string;
  /** For people: `at most 0.35 above direct`. */
  text: string;
  /** Asked with medians; the baseline's is undefined where the bench has none. Only printed, never asserted. */
  reached(median: number, baseline: number | undefined): boolean;
}

/** One measured value of one case. Values of a metric are collected over all rounds. */
export type Record = (caseName: string, metric: string, value: number) => void;

export interface Bench {
  name: string;
  title: string;
  metrics: Metric[];
  /** The case that the others are compared with. */
  baseline?: string;
  targets?: Target[];
  /** Measures `environment.rounds` rounds. */
  run(environment: Environment, record: Record): Promise<void>;
}
