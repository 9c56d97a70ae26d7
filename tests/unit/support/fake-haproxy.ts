/** A program that stands in for HAProxy: it answers at its runtime socket and notes in which order it was started. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

const program = `#!${process.execPath}
const { readFileSync, appendFileSync, existsSync } = require('node:fs');
const config = process.argv[process.argv.indexOf('-f') + 1];
const [socket, started, name] = readFileSync(config, 'utf8').split('\\n');
appendFileSync(started, name + (process.argv.includes('-x') ? ' takes over' : '') + '\\n');
appendFileSync(started + '-pids', process.pid + '\\n');
// Its soft stop.
process.on('SIGUSR1', () => existsSync(started + '-stays') || process.exit());
require('node:net').createServer((client) => client.on('error', () => {}).on('data', (data) => {
  for (const command of String(data).trim().split('\\n')) client.write((command === 'show info' ? 'CurrConns: 1' : '') + '\\n> ');
})).listen(socket);
`;

export interface FakeHaproxy {
  /** Of the test. */
  directory: string;
  /** What the program takes for a configuration. */
  config: (name: string, socket: string) => string;
  /** Names of the configurations in the order of their start; `takes over` after those that inherited listeners. */
  started: () => string[];
  /** In the same order. */
  pids: () => number[];
  /** From now on those that are stopped softly stay, as with an open stream. */
  stays: () => void;
  remove: () => void;
}

/** From now on it is found as `haproxy`. */
export function fakeHaproxy(): FakeHaproxy {
  const directory = mkdtempSync(`${tmpdir()}/haproxy-`);
  writeFileSync(`${directory}/haproxy`, program);
  chmodSync(`${directory}/haproxy`, 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${directory}:${path}`;
  const lines = (file: string): string[] => readFileSync(`${directory}/${file}`, 'utf8').trim().split('\n');
  return {
    directory, config: (name, socket) => `${socket}\n${directory}/started\n${name}\n`,
    started: () => lines('started'), pids: () => lines('started-pids').map(Number), stays: () => writeFileSync(`${directory}/started-stays`, ''),
    remove: () => {
      process.env['PATH'] = path;
      rmSync(directory, { recursive: true });
    },
  };
}
