/** What is read of a Compose project, what is added to it, and what is told about mistakes. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { command as runCommand } from '../../../cli/commands/run.ts';
import { joinModel } from '../../../cli/compose/addition.ts';
import { baseName } from '../../../cli/compose/containers.ts';
import { parseList } from '../../../cli/compose/json-list.ts';
import { escaped, joinedServices, modelText, unescaped, type ComposeModel, type ComposeService } from '../../../cli/compose/model.ts';
import { atLeast, choiceArguments, modelArguments } from '../../../cli/compose/program.ts';
import { readJoins } from '../../../cli/compose/services.ts';
import type { ContainerSpec } from '../../../cli/adapters/docker/index.ts';
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
