/** What is read of a Compose project, what is added to it, and what is told about mistakes. */
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { command as runCommand } from '../../../cli/commands/run.ts';
import { joinModel } from '../../../cli/compose/addition.ts';
import { baseName, remainsOf } from '../../../cli/compose/containers.ts';
import { parseList } from '../../../cli/compose/json-list.ts';
import { escaped, joinedServices, modelText, unescaped, type ComposeModel, type ComposeService } from '../../../cli/compose/model.ts';
import { atLeast, choiceArguments, ComposeProgram, modelArguments } from '../../../cli/compose/program.ts';
import { everyJoin, readJoins } from '../../../cli/compose/services.ts';
import { BridgeError } from '../../../cli/errors.ts';
import type { ContainerSpec } from '../../../cli/adapters/docker/index.ts';
import { fakeHost } from '../cli/fake-host.ts';
import { fakeDocker } from '../support/fake-docker.ts';
import { allOptions } from '../../../cli/parse/global-options.ts';

const host = { env: { A: 'set here' }, homeDir: '/home/ann', cwd: '/w' };
const options = allOptions(runCommand.options);
const project = (services: Record<string, ComposeService>): ComposeModel => ({ name: 'shop', services });
const read = (services: Record<string, ComposeService>) => readJoins({ model: project(services), joined: joinedServices(project(services)), host, options });
const spec: ContainerSpec = {
  name: 'shop-api-ann', image: 'api', labels: { mine: 'x' }, env: ['PASSWORD=a$b ${C}\nline: "two"', 'EMPTY='], networks: [{ network: '00-podbridge-l', ipv4Address: '10.87.0.9', gatewayPriority: 1000 }],
  dns: { servers: ['10.87.0.2'], search: ['shop.svc.cluster.local'], options: ['ndots:5'] }, extraHosts: ['db:1.2.3.4'], binds: ['/vol/copies/0:/etc/conf:ro', '/vol/live/data:/data'], user: '1:2', nanoCpus: 5e8,
};

describe('what is added', () => {
  const own: ComposeService = { image: 'api', command: null, networks: { back: null }, labels: { yours: 'y' }, extra_hosts: ['a=5.6.7.8'], volumes: [{ type: 'volume', source: 'v', target: '/v' }], user: 'root' };
  const joined = joinModel({ ...project({ api: own, db: { image: 'pg' } }), networks: { back: { name: 'shop_back' } } }, new Map([['api', { spec, gatewayPriority: true }]]));

  test('stands beside what the service says, which wins', () => {
    expect(joined.services.api).toMatchObject({
      image: 'api', user: 'root', cpus: 0.5, labels: { yours: 'y', mine: 'x' }, extra_hosts: ['a=5.6.7.8', 'db:1.2.3.4'],
      networks: { back: null, '00-podbridge-l': { ipv4_address: '10.87.0.9', gw_priority: 1000 } }, dns: ['10.87.0.2'],
      volumes: [{ target: '/v' }, { type: 'bind', source: '/vol/copies/0', target: '/etc/conf', read_only: true }, { source: '/vol/live/data', target: '/data' }],
    });
    expect(joined.networks).toEqual({ back: { name: 'shop_back' }, '00-podbridge-l': { name: '00-podbridge-l', external: true } });
    expect(joined.services.db).toEqual({ image: 'pg' });
  });

  test('names of the project\'s networks are searched before the cluster\'s; what the service says of DNS wins; no line is longer than musl reads', () => {
    const search = (service: ComposeService, networks?: Record<string, unknown>): unknown => joinModel({ ...project({ api: service }), ...(networks === undefined ? {} : { networks }) }, new Map([['api', { spec, gatewayPriority: true }]])).services.api!.dns_search;
    expect(joined.services.api!.dns_search).toEqual(['shop_back', 'shop.svc.cluster.local']);
    expect(search({ networks: { Own: null, other: {} } }, { Own: { name: 'Lab_Net-1', external: true }, other: null })).toEqual(['Lab_Net-1', 'shop_other', 'shop.svc.cluster.local']);
    expect(search({ image: 'api' })).toEqual(['shop_default', 'shop.svc.cluster.local']);
    const long = Object.fromEntries(['a', 'b'].map((key) => [key, { name: `${key}_${'x'.repeat(150)}` }]));
    expect(search({ networks: { a: null, b: null } }, long)).toEqual([long.b!.name, 'shop.svc.cluster.local']);
    const { dns, dns_search: list, dns_opt: words } = joinModel(project({ api: { dns: '9.9.9.9', dns_search: ['a$$b'] } }), new Map([['api', { spec, gatewayPriority: true }]])).services.api!;
    expect([dns, list, words]).toEqual(['9.9.9.9', ['a$$b'], ['ndots:5']]);
  });

  test('is what Compose reads back: dollars are doubled, lines stay', () => {
    const text = modelText(joined);
    expect((unescaped(parse(text)) as ComposeModel).services.api!.environment).toEqual({ PASSWORD: 'a$b ${C}\nline: "two"', EMPTY: '' });
    expect(text).toContain('a$$b $${C}');
  });

  test('without a list of networks the project\'s own stays; an older Docker knows no priority', () => {
    const { services } = joinModel(project({ api: { image: 'api' } }), new Map([['api', { spec, gatewayPriority: false }]]));
    expect(services.api!.networks).toEqual({ default: null, '00-podbridge-l': { ipv4_address: '10.87.0.9' } });
  });
});

describe('x-bridge', () => {
  test('has the keys of bridge.yaml; its values are Compose\'s, so a variable in them is meant as it stands', () => {
    const services = read({ 'Api_1': { image: 'a', 'x-bridge': { target: 'deploy/api', ports: [8080], rules: { pathRegex: '^/a$$', headers: { 'x-a': '$${A}' } }, envExcept: 'OTEL_*', volumes: { data: 'local' } } }, plain: { 'x-bridge': null }, other: {} });
    expect([...services.keys()]).toEqual(['Api_1', 'plain']);
    expect(services.get('Api_1')).toMatchObject({
      options: { target: 'deploy/api', port: ['8080'], envExcept: ['OTEL_*'], volumeMode: ['data=local'] }, rules: [{ path: { match: 'regex', value: '^/a$' }, headers: [{ name: 'x-a', value: '${A}' }] }],
    });
  });

  test.each<[string, Record<string, ComposeService>, string[]]>([
    ['unknown keys and wrong values, all at once', { api: { 'x-bridge': { targt: 'deploy/a', ports: 'x y' } }, web: { 'x-bridge': { target: 'deploy/', noVolumes: 'yes' } } }, ['services.api.x-bridge.targt: there is no such key; did you mean target?', 'services.web.x-bridge.target:', 'services.web.x-bridge.noVolumes: true or false belongs here']],
    ['what the service says itself', { api: { 'x-bridge': { image: 'a', env: {}, publish: '80' } } }, ['x-bridge.image: that is said by image', 'x-bridge.env: that is said by environment', 'x-bridge.publish: that is said by ports']],
    ['no mapping', { api: { 'x-bridge': ['deploy/api'] } }, ['services.api.x-bridge: a mapping belongs here']],
    ['no networks, several containers', { api: { network_mode: 'host', deploy: { replicas: 3 }, 'x-bridge': { target: 'deploy/a' } } }, ['services.api.network_mode:', '3 replicas']],
    ['rules without a target', { api: { 'x-bridge': { rules: { mark: 'a' } } } }, ['x-bridge.rules: it says what of a target is bridged']],
    ['what the service says itself hides nothing of the others', { api: { network_mode: 'host', 'x-bridge': { image: 'a', tagret: 'deploy/a' } }, web: { 'x-bridge': ['x'] }, db: { 'x-bridge': { target: 'deploy/db', ports: 99999 } } }, ['api.network_mode:', 'api.x-bridge.image: that is said', 'api.x-bridge.tagret: there is no such key; did you mean target?', 'services.web.x-bridge: a mapping belongs here', 'services.db.x-bridge.ports:']],
    ['slips of the key itself, beside one that is right', { api: { 'x-bridge': {} }, web: { 'x-brige': {} }, db: { 'x-bridgee': {}, 'x-mine': 1 } }, ['services.web.x-brige: did you mean x-bridge?', 'services.db.x-bridgee: did you mean x-bridge?']],
  ])('mistakes: %s', (_, services, words) => {
    let why = '';
    try {
      read(services);
    } catch (error) {
      const { facts } = error as { facts: { code: string; why: string } };
      expect(facts.code).toBe('compose-invalid');
      why = facts.why;
    }
    for (const each of words) expect(why).toContain(each);
  });

  test('of several services what cannot be is told at once; one mistake is told as it is, and so is what is no mistake', () => {
    const wrong = (what: string, kind: 'usage' | 'refused' = 'usage', why?: string): PromiseRejectedResult => ({ status: 'rejected', reason: new BridgeError({ kind, code: 'target-not-found', what, ...(why === undefined ? {} : { why }) }) });
    const right: PromiseFulfilledResult<number> = { status: 'fulfilled', value: 1 };
    expect(everyJoin(['a', 'b'], [right, right])).toEqual(new Map([['a', 1], ['b', 1]]));
    const thrown = (...asked: PromiseSettledResult<number>[]): unknown => { try { return everyJoin(['a', 'b', 'c'], asked); } catch (error) { return (error as BridgeError).facts; } };
    expect(thrown(wrong('no x', 'usage', 'there are: y'), right, wrong('no z'))).toMatchObject({ code: 'compose-invalid', why: 'services.a.x-bridge: no x (there are: y)\nservices.c.x-bridge: no z' });
    expect(thrown(right, wrong('no x'), right)).toMatchObject({ code: 'target-not-found', what: 'no x' });
    expect(thrown(wrong('not allowed', 'refused'), wrong('no x'), right)).toMatchObject({ kind: 'refused' });
  });

  test('no service has it', () => {
    expect(() => joinedServices(project({ api: { image: 'a' } }))).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'compose-nothing-joined', why: 'none has the key x-bridge' }) }));
    expect(() => joinedServices(project({ api: { 'x-brige': {} } }))).toThrow(expect.objectContaining({ facts: expect.objectContaining({ why: expect.stringContaining('did you mean x-bridge') }) }));
  });
});

const templates = join(import.meta.dirname, '..', '..', '..', 'compose-templates');
test.each(globSync('*.yaml', { cwd: templates }))('the template %s is right', (name) => {
  const { services } = parse(readFileSync(join(templates, name), 'utf8').replaceAll(/\$\{\w+:-(\w+)\}/g, '$1')) as ComposeModel;
  expect(read(services).size).toBe(1);
});

test.each([['2.40.3', '2.36.0', true], ['2.26.1-4', '2.36.0', false], ['5.0.0', '2.36.0', true], ['2.36.0', '2.36.0', true], ['2.9.0', '2.33.0', false], ['1.48', '1.48', true]])('version %s, wanted %s: %s', (have, want, enough) => expect(atLeast(have, want)).toBe(enough));
test('arguments: the user\'s own, or a model on stdin', () => {
  expect(choiceArguments({ files: ['a.yaml', 'b.yaml'], profiles: ['p'], envFiles: ['.e'], projectName: 'n' })).toEqual(['-f', 'a.yaml', '-f', 'b.yaml', '--profile', 'p', '--env-file', '.e', '-p', 'n']);
  expect(modelArguments('n', { profiles: [] })).toEqual(['-p', 'n', '-f', '-']);
});
test.each([['[{"a":1}]'], ['{"a":1}\n']])('lists of docker compose: %j', (text) => expect(parseList(text)).toEqual([{ a: 1 }]));
test('names, and dollars', () => {
  expect([baseName('my_shop', 'Api.v2'), baseName('s', 'a')]).toEqual(['my-shop-api-v2', 's-a']);
  expect(unescaped(escaped({ a: ['$$x${Y}'] }))).toEqual({ a: ['$$x${Y}'] });
});

test('a failed docker compose is told as the user could type it: with his files, not with a model on stdin', async () => {
  const programs = await mkdtemp(join(tmpdir(), 'podbridge-compose-'));
  try {
    await writeFile(join(programs, 'docker'), '#!/bin/sh\necho "port is taken"; exit 1\n', { mode: 0o755 });
    const compose = new ComposeProgram(fakeHost({ env: { PATH: `${programs}:${process.env.PATH}` }, cwd: programs }), '2.40.0');
    const failed = (args: string[]) => compose.runModel(project({}), { files: ['my compose.yaml'], profiles: ['debug'], envFiles: [] }, args).then(() => undefined, ({ facts }: BridgeError) => facts);
    expect(await failed(['up', '--detach', 'api'])).toMatchObject({ code: 'command-failed', why: 'port is taken', next: "docker compose -f 'my compose.yaml' --profile debug up --detach api   (the same without the cluster)" });
    expect(await failed(['build', 'api'])).toMatchObject({ next: "docker compose -f 'my compose.yaml' --profile debug build api" });
  } finally {
    await rm(programs, { recursive: true, force: true });
  }
});
test('what down leaves of a project', async () => {
  const docker = fakeDocker();
  docker.state.images.set('x', 'sha256:x');
  const of = (name: string, service: string) => ({ 'com.docker.compose.project': name, 'com.docker.compose.service': service });
  await docker.containers.create({ name: 'shop-worker-1', image: 'x', labels: of('shop', 'worker') });
  await docker.containers.create({ name: 'other-worker-1', image: 'x', labels: of('other', 'worker') });
  await docker.networks.create({ name: 'shop_default', labels: of('shop', ''), subnet: '10.1.0.0/24', gateway: '10.1.0.1' });
  expect([await remainsOf(docker, 'shop'), await remainsOf(docker, 'gone')]).toEqual([['service worker', 'network shop_default'], []]);
});
