/** npm run bench:scale -- --clients 200 --bridges 400 --steps 4 --deployments 20 --rest 30 --json FILE */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from '../measure/machine.ts';
import { measureScale, type Step } from './scale.ts';

const { values } = parseArgs({ options: {
  clients: { type: 'string', default: '200' }, bridges: { type: 'string', default: '400' }, steps: { type: 'string', default: '4' }, deployments: { type: 'string', default: '20' }, rest: { type: 'string', default: '30' }, json: { type: 'string' },
} });
const size = { clients: Number(values.clients), bridges: Number(values.bridges), steps: Number(values.steps), deployments: Number(values.deployments), restS: Number(values.rest) };
const steps: Step[] = [];

try {
  await measureScale(size, (step) => {
    steps.push(step);
    process.stdout.write(`${JSON.stringify(step)}\n`);
  });
} finally {
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ at: new Date().toISOString(), machine: await describeMachine(), size, steps }, undefined, 1)}\n`);
}
if (steps.some(({ wrong }) => wrong.length > 0)) throw new Error('some bridges did not get their requests');
