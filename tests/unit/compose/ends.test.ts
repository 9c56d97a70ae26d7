/** When a project in the foreground is at its end, and with which code. */
import { describe, expect, test } from '@jest/globals';
import { endOf, followEnds, overServices, type Ended, type EndPolicy } from '../../../cli/compose/ends.ts';
import type { ComposeModel, ComposeService } from '../../../cli/compose/model.ts';
import { fakeDocker } from '../support/fake-docker.ts';

const model = (services: Record<string, ComposeService>): ComposeModel => ({ name: 'p', services });
const plain = model({ api: {}, tests: { depends_on: { migrate: { condition: 'service_completed_successfully' } } }, migrate: {} });
const ended = (...all: [string, number][]): Ended[] => all.map(([service, exitCode]) => ({ service, exitCode }));
const calm: EndPolicy = { abortOnContainerExit: false };

describe('the end of a project', () => {
  test.each<[string, Ended[], number, EndPolicy, number | 'stopped' | undefined]>([
    ['not while one runs', ended(['api', 3]), 1, calm, undefined],
    ['with the last, whatever their codes', ended(['api', 3], ['tests', 0]), 0, calm, 0],
    ['with the first that ends, where it is to', ended(['tests', 4], ['api', 3]), 1, { abortOnContainerExit: true }, 4],
    ['but not with one that others wait for', ended(['migrate', 0]), 2, { abortOnContainerExit: true }, undefined],
    ['unless that fails', ended(['migrate', 7]), 2, { abortOnContainerExit: true }, 7],
    ['with the code of the chosen one', ended(['api', 1], ['tests', 3]), 1, { abortOnContainerExit: false, exitCodeFrom: 'tests' }, 3],
    ['also where others wait for it', ended(['migrate', 0]), 2, { abortOnContainerExit: false, exitCodeFrom: 'migrate' }, 0],
    ['the chosen one is stopped when another ends', ended(['api', 1]), 1, { abortOnContainerExit: false, exitCodeFrom: 'tests' }, 'stopped'],
    ['not before', ended(['migrate', 0]), 2, { abortOnContainerExit: false, exitCodeFrom: 'tests' }, undefined],
    ['nothing is left of the chosen one', [], 0, { abortOnContainerExit: false, exitCodeFrom: 'tests' }, 'stopped'],
  ])('%s', (_, ends, running, policy, code) => expect(endOf(ends, running, plain, policy)).toBe(code));
});

test('what was over before anybody looked is told, in the order of the ends; one-off containers, and services of other files, are others\' business', async () => {
  const docker = Object.assign(fakeDocker(), { pastEvents: async () => [] });
  docker.state.images.set('x', 'sha256:x');
  const make = async (service: string, state: object, more = {}): Promise<string> => {
    const id = await docker.containers.create({ name: `p-${service}-${Object.keys(more).length + 1}`, image: 'x', labels: { 'com.docker.compose.project': 'p', 'com.docker.compose.service': service, ...more } });
    Object.assign(docker.state.containers.get(id)!, state);
    return id;
  };
  await make('api', { state: 'exited', exitCode: 3, finishedAt: '2026-01-01T00:00:02Z' });
  await make('migrate', { state: 'exited', exitCode: 0, finishedAt: '2026-01-01T00:00:01.5Z' });
  await make('api', { state: 'running', running: true }, { 'com.docker.compose.oneoff': 'True' });
  await make('worker', { state: 'running', running: true });
  const tests = await make('tests', { state: 'running', running: true });
  const told: Ended[] = [];
  const follow = (services: string[], policy = calm) => followEnds({ docker, model: plain, services, policy, signal: new AbortController().signal, onEnd: (end) => {
    told.push(end);
    if (services.length === 0 && told.length === 2) Object.assign(docker.state.containers.get(tests)!, { state: 'exited', running: false, exitCode: 5, finishedAt: '2026-01-01T00:00:03Z' });
  } });
  expect(await overServices(docker, plain, [])).toEqual(['api', 'migrate']);
  expect(await overServices(docker, plain, ['tests', 'api'])).toEqual(['api']);
  expect(await follow([])).toBe(0);
  expect(told.splice(0)).toEqual(ended(['migrate', 0], ['api', 3], ['tests', 5]));
  expect(await follow(['tests'], { abortOnContainerExit: true })).toBe(5);
  expect(told).toEqual(ended(['tests', 5]));
});
