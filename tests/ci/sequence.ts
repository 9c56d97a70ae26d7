/** Jest's order of suites: quick ones first, and by path within a tier, so that runs can be compared. */
interface Suite {
  path: string;
}

const tiers = ['unit', 'integration', 'e2e', 'chaos'];
const rank = ({ path }: Suite): number => tiers.findIndex((tier) => path.includes(`/tests/${tier}/`));

/** The methods that Jest calls of a test sequencer; nothing is remembered between runs. */
export default class TierSequencer {
  sort<T extends Suite>(tests: T[]): T[] {
    return [...tests].sort((a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path));
  }

  allFailedTests<T extends Suite>(tests: T[]): T[] {
    return tests;
  }

  cacheResults(): void {}
}
