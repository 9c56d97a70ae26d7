/** Four projects. All but unit share one Docker and one cluster, so `npm test` runs one suite at a time, unit tests first. */
const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts', '.tsx'],
  transform: {
    '^.+\\.tsx?$': ['@swc/jest', {
      jsc: { parser: { syntax: 'typescript', tsx: true }, target: 'es2024', transform: { react: { runtime: 'automatic' } }, experimental: { keepImportAttributes: true } },
      module: { type: 'es6' },
    }],
  },
};
export default {
  // A busy machine is slow, not wrong: what must come soon is measured in tests/bench. Jest reads this here only, not from projects.
  testTimeout: 60_000,
  testSequencer: '<rootDir>/tests/ci/sequence.ts',
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/tests/unit/**/*.test.ts?(x)'] },
    { ...shared, displayName: 'integration', testMatch: ['<rootDir>/tests/integration/**/*.test.ts?(x)'], globalSetup: '<rootDir>/tests/ci/prepare.ts' },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/tests/e2e/**/*.test.ts?(x)'], globalSetup: '<rootDir>/tests/ci/prepare.ts' },
    // The long form is what `npm run test:chaos` asks for.
    { ...shared, displayName: 'chaos', testMatch: ['<rootDir>/tests/chaos/*.test.ts', ...(process.env.PODBRIDGE_CHAOS === 'long' ? ['<rootDir>/tests/chaos/long/*.test.ts'] : [])], globalSetup: '<rootDir>/tests/ci/prepare.ts' },
  ],
};
