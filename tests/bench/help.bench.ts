import { execa } from 'execa';
import { bridgeProgram } from '../support/bridge-command.ts';
import type { Bench } from './measure/bench.ts';
import { atMostTimes } from './measure/targets.ts';

const bare = 'node -e 0';
const wall = 'wall time';
/** Process starts scatter more than anything else here. */
const startsPerRound = 5;

export const bench: Bench = {
  name: 'help',
  title: 'bridge --help and --version against a bare Node',
  metrics: [{ name: wall, unit: 'ms', better: 'lower' }],
  baseline: bare,
  targets: [atMostTimes('bridge --help', wall, 2)],
  async run({ rounds }, record) {
    const cases: [string, string[]][] = [[bare, ['-e', '0']], ['bridge --help', [bridgeProgram, '--help']], ['bridge --version', [bridgeProgram, '--version']]];
    for (let start = -1; start < rounds * startsPerRound; start++) {
      for (const [name, args] of cases) {
        const before = performance.now();
        await execa(process.execPath, args);
        // The first start fills the page cache and Node's compile cache.
        if (start >= 0) record(name, wall, performance.now() - before);
      }
    }
  },
};
