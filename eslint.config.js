import tseslint from 'typescript-eslint';

/** Imports that belong to one folder only: [module pattern, folders that may import it]. */
const boundaries = [
  ['dockerode', ['cli/adapters/docker/**']],
  ['@kubernetes/client-node', ['cli/adapters/cluster/**']],
  ['execa', ['cli/adapters/process/**', 'cargo-image/src/adapters/**', 'stowaway-image/src/adapters/**']],
  ['ink', ['cli/ui/ink/**']],
  ['react', ['cli/ui/ink/**']],
];
const restricted = (modules, patterns = []) => ['error', {
  paths: modules.map((name) => ({ name, message: `import ${name} only in its adapter folder` })),
  patterns: [...patterns, ...modules.map((name) => ({ group: [`${name}/*`], message: `import ${name} only in its adapter folder` }))],
}];
const layers = (...groups) => groups.map((group) => ({ group: [group], message: 'dependencies point one way: commands -> domain -> adapters; images and cli -> protocol; never across' }));

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'jest.config.js', 'eslint.config.js'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
    },
  },
  {
    files: ['cli/**', 'protocol/**', 'cargo-image/src/**', 'stowaway-image/src/**'],
    ignores: ['cli/bin.ts', 'cli/process-host.ts', 'cargo-image/src/main.ts', 'stowaway-image/src/main.ts'],
    rules: { 'no-restricted-globals': ['error', { name: 'process', message: 'process.* only in the entry file' }, { name: 'console', message: 'console.* only in the entry file' }] },
  },
  { files: ['cli/**'], rules: { 'no-restricted-imports': restricted(boundaries.map(([name]) => name), layers('**/cargo-image/**', '**/stowaway-image/**')) } },
  { files: ['cargo-image/**'], rules: { 'no-restricted-imports': restricted(boundaries.map(([name]) => name), layers('**/cli/**', '**/stowaway-image/**')) } },
  { files: ['stowaway-image/**'], rules: { 'no-restricted-imports': restricted(boundaries.map(([name]) => name), layers('**/cli/**', '**/cargo-image/**')) } },
  { files: ['protocol/**'], rules: { 'no-restricted-imports': restricted(boundaries.map(([name]) => name), layers('**/cli/**', '**/cargo-image/**', '**/stowaway-image/**')) } },
  ...boundaries.map(([name, files]) => ({ files, rules: { 'no-restricted-imports': restricted(boundaries.map(([other]) => other).filter((other) => other !== name && !(name === 'ink' && other === 'react') && !(name === 'react' && other === 'ink'))) } })),
  { files: ['tests/**', 'examples/**', 'build.ts'], rules: { '@typescript-eslint/no-unsafe-assignment': 'off', '@typescript-eslint/no-unsafe-member-access': 'off' } },
  // Plain JavaScript: the example's services (with dependencies of their own that are not installed here), programs that run as they are.
  { files: ['examples/**/*.mjs', 'tests/**/*.cjs'], ...tseslint.configs.disableTypeChecked, languageOptions: { parserOptions: { projectService: false } } },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
);
