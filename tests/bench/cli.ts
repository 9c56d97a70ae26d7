/** npm run bench: measures, and prints what was measured beside the baseline of the same run. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { progressOn } from '../cluster/index.ts';
import type { Bench } from './measure/bench.ts';
import { createEnvironment } from './measure/environment.ts';
import { describeMachine } from './measure/machine.ts';
import { collector, type Summary } from './measure/summary.ts';
import { table } from './measure/table.ts';

const usage = `usage: npm run bench [-- [NAME...] [OPTIONS]]

  Without names all benches run, one after the other. They need the built program: npm run build

  --list             names and titles
  --rounds N         how often everything is measured (3)
  --seconds N        length of one measurement of latency or throughput (2)
  --cluster NAME     the test cluster to use (podbridge); see npm run cluster
  --json FILE        all values, also as JSON
  --keep             leave the product installed and the workloads deployed
`;

const suffix = '.bench.ts';

async function allBenches(): Promise<Bench[]> {
  const files = (await readdir(import.meta.dirname)).filter((name) => name.endsWith(suffix)).sort();
  return Promise.all(files.map(async (file) => {
    const { bench } = await import(join(import.meta.dirname, file)) as { bench: Bench };
    if (`${bench.name}${suffix}` !== file) throw new Error(`${file} calls itself ${bench.name}`);
    return bench;
  }));
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value > 0)) throw new RangeError(`--${option} ${text}: a number above 0`);
  return value;
}

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv, allowPositionals: true,
    options: {
      list: { type: 'boolean' }, rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '2' },
      cluster: { type: 'string', default: 'podbridge' }, json: { type: 'string' }, keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const benches = await allBenches();
  if (values.list) {
    for (const { name, title } of benches) process.stdout.write(`${name.padEnd(16)} ${title}\n`);
    return 0;
  }
  const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) throw new RangeError(`no such bench: ${unknown.join(', ')}. There are: ${benches.map(({ name }) => name).join(', ')}`);

  const progress = progressOn(process.stderr);
  const machine = await describeMachine();
  const startedAt = new Date().toISOString();
  const rounds = positive('rounds', values.rounds);
  const environment = createEnvironment({ rounds, seconds: positive('seconds', values.seconds), clusterName: values.cluster, progress });
  process.stdout.write(`${machine.cores} cores (${machine.processor}), ${machine.memoryGiB} GiB, kernel ${machine.kernel}, Docker ${machine.docker}, load average ${machine.loadAverage.toFixed(1)}; ${rounds} rounds\n\n`);
  const summaries: Summary[] = [];
  const failures: string[] = [];
  try {
    for (const bench of benches.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
      const collected = collector();
      try {
        await bench.run(environment, (...measured) => collected.record(...measured));
      } catch (error) {
        failures.push(`${bench.name}: ${(error as Error).message}`);
        process.stderr.write(`${bench.name}: ${(error as Error).stack}\n`);
        await environment.settle();
      }
      const result = collected.summary(bench);
      if (result.rows.length > 0) {
        summaries.push(result);
        process.stdout.write(`${table(result)}\n`);
      }
    }
  } finally {
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ startedAt, machine, rounds, benches: summaries, failures }, undefined, 2)}\n`);
    if (!values.keep) await environment.remove();
  }
  return failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const wrongUse = error instanceof RangeError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`${wrongUse ? `${(error as Error).message}\n\n${usage}` : (error as Error).stack}\n`);
  process.exitCode = wrongUse ? 2 : 1;
}
