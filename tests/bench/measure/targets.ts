/** The usual forms of a target. */
import type { Target } from './bench.ts';

export const atMost = (caseName: string, metric: string, limit: number, unit: string): Target =>
  ({ case: caseName, metric, text: `at most ${limit} ${unit}`, reached: (median) => median <= limit });

/** Ratio to the baseline of the same run. */
export const atMostTimes = (caseName: string, metric: string, factor: number): Target =>
  ({ case: caseName, metric, text: `at most ${factor} times the baseline`, reached: (median, baseline) => baseline !== undefined && median <= factor * baseline });

export const atLeastShare = (caseName: string, metric: string, share: number, words = `at least ${share} of the baseline`): Target =>
  ({ case: caseName, metric, text: words, reached: (median, baseline) => baseline !== undefined && median >= share * baseline });

export const atMostAbove = (caseName: string, metric: string, difference: number, unit: string): Target =>
  ({ case: caseName, metric, text: `at most ${difference} ${unit} above the baseline`, reached: (median, baseline) => baseline !== undefined && median <= baseline + difference });
