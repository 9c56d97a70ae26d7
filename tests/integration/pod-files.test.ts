/** The Go program's own tests: what it copies arrives whole, and nothing leads out of where it belongs. */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { execa } from 'execa';

/** With the compiler at work, on a busy machine. */
const limitMs = 5 * 60_000;

test('go vet and go test', async () => {
  const options = { cwd: join(import.meta.dirname, '..', '..', 'pod-files'), env: { CGO_ENABLED: '0', GOWORK: 'off', GOTOOLCHAIN: 'local', GOFLAGS: '' }, all: true, reject: false } as const;
  for (const command of ['vet', 'test']) {
    const { exitCode, all } = await execa('go', [command, './...'], options);
    expect(`${exitCode} ${all}`).toMatch(/^0 /);
  }
}, limitMs);
