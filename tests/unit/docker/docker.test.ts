import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { clientOptions } from '../../../cli/adapters/docker/connect.ts';
import { createOptions } from '../../../cli/adapters/docker/container-spec.ts';
import { resolveEndpoint } from '../../../cli/adapters/docker/endpoint.ts';
import { convertError } from '../../../cli/adapters/docker/errors.ts';
import { createProgress } from '../../../cli/adapters/docker/progress.ts';

describe('which daemon', () => {
  let home: string;
  beforeEach(async () => { home = await mkdtemp(join(tmpdir(), 'docker-')); });
  afterEach(async () => { await rm(home, { recursive: true }); });

  async function context(name: string, host: string, tls = false): Promise<void> {
    const hash = createHash('sha256').update(name).digest('hex');
    const folder = join(home, '.docker', 'contexts', 'meta', hash);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } }));
    if (!tls) return;
    const material = join(home, '.docker', 'contexts', 'tls', hash, 'docker');
    await mkdir(material, { recursive: true });
    for (const file of ['ca.pem', 'cert.pem', 'key.pem']) await writeFile(join(material, file), file);
  }
  const resolve = (env: Record<string, string> = {}) => resolveEndpoint({ env, homeDir: home });

  test('the system\'s socket when nothing else is said', () => {
    expect(resolve().url).toMatch(/^unix:\/\/.*docker\.sock$/);
    expect(resolveEndpoint({ env: {}, homeDir: home, platform: 'win32' }).url).toBe('npipe:////./pipe/docker_engine');
  });

  test('the current context, as Colima and Docker Desktop set it', async () => {
    await context('colima', 'unix:///home/ann/.colima/docker.sock');
    await writeFile(join(home, '.docker', 'config.json'), '{"currentContext":"colima","auths":{}}');
    expect(resolve()).toEqual({ url: 'unix:///home/ann/.colima/docker.sock', source: 'context colima' });
  });

  test('DOCKER_HOST before DOCKER_CONTEXT before the current one', async () => {
    await context('one', 'unix:///one.sock');
    await context('two', 'tcp://two:2376', true);
    await writeFile(join(home, '.docker', 'config.json'), '{"currentContext":"one"}');
    expect(resolve({ DOCKER_CONTEXT: 'two', DOCKER_HOST: 'tcp://10.0.0.1:2375' })).toEqual({ url: 'tcp://10.0.0.1:2375', source: 'DOCKER_HOST' });
    expect(resolve({ DOCKER_CONTEXT: 'two' })).toMatchObject({ url: 'tcp://two:2376', tls: { ca: Buffer.from('ca.pem'), skipVerify: false } });
    expect(resolve({ DOCKER_CONTEXT: 'default' }).source).toBe('default');
  });

  test('a context that is not there is named', () => {
    expect(() => resolve({ DOCKER_CONTEXT: 'gone' })).toThrow(expect.objectContaining({ facts: expect.objectContaining({ code: 'docker-context-missing', what: 'the Docker context gone does not exist' }) }));
  });

  test('a broken config.json counts as none, as for docker', async () => {
    await mkdir(join(home, '.docker'));
    await writeFile(join(home, '.docker', 'config.json'), '{');
    expect(resolve().source).toBe('default');
  });

  test.each([
    ['unix:///run/x.sock', { socketPath: '/run/x.sock' }], ['npipe:////./pipe/docker_engine', { socketPath: '//./pipe/docker_engine' }], ['tcp://host', { protocol: 'http', host: 'host', port: 2375 }],
    ['ssh://ann@host:2222', { protocol: 'ssh', host: 'host', port: 2222, username: 'ann' }], ['tcp://[::1]:99', { protocol: 'http', host: '::1', port: 99 }],
  ])('%s', (url, options) => {
    expect(clientOptions({ url, source: '' })).toEqual(options);
  });

  test('TLS', () => {
    expect(clientOptions({ url: 'tcp://host', source: '', tls: { ca: Buffer.from('A'), skipVerify: true } })).toMatchObject({ protocol: 'https', port: 2376, ca: Buffer.from('A'), rejectUnauthorized: false });
  });
});

describe('errors', () => {
  const endpoint = { url: 'unix:///x', source: 'default' };
  /** Texts as daemons 20.10 to 28 write them. */
  test.each([
    [404, 'No such image: nope:1', 'image-not-found'], [404, 'No such image: nope:1: not here', 'image-not-found'], [404, 'no such image', 'image-not-found'],
    [404, 'No such container: x', 'container-not-found'],
    [404, 'network 00-x not found', 'network-not-found'],
    [409, 'Conflict. The container name "/api-ann" is already in use by container "6cb3". You have to remove (or rename) that container to be able to reuse that name.', 'name-conflict'],
    [409, 'network with name 00-x already exists', 'name-conflict'],
    [500, 'driver failed programming external connectivity on endpoint a (b): Bind for 0.0.0.0:8080 failed: port is already allocated', 'port-in-use'],
    [500, 'driver failed programming external connectivity on endpoint a (b): Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use', 'port-in-use'],
    [500, 'Ports are not available: exposing port TCP 0.0.0.0:80 -> 0.0.0.0:0: listen tcp 0.0.0.0:80: bind: address already in use', 'port-in-use'],
    [403, 'Address already in use', 'address-in-use'],
    [403, 'Pool overlaps with other one on this address space', 'network-overlap'],
    [403, 'cannot create network a (br-a): conflicts with network b (br-b): networks have overlapping IPv4', 'network-overlap'],
    [400, 'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory: unknown', 'command-not-found'],
    [400, 'failed to create task for container: exec: "nope": executable file not found in $PATH: unknown', 'command-not-found'],
    [400, 'invalid mount config for type "bind": bind source path does not exist: /nope', 'mount-refused'],
    [400, 'unable to find user nosuch: no matching entries in passwd file', 'user-unknown'],
    [500, 'something new', 'docker-error'],
  ])('%i %s', (statusCode, message, code) => {
    const error = Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${message} `), { statusCode, json: { message } });
    const { facts } = convertError(endpoint, error, 'do it');
    expect(facts.code).toBe(code);
    expect(facts.detail).toBe(message);
    expect(facts.what).not.toMatch(/HTTP code|\.$/);
  });

  test('names what is taken', () => {
    const of = (message: string) => convertError(endpoint, { statusCode: 500, json: { message } }, 'x').facts;
    expect(['No such image: nope:1', 'No such image: nope:1: not here', 'no such image:', 'no such image'].map((message) => of(message).what)).toEqual(['Docker has no image nope:1', 'Docker has no image nope:1', 'Docker has no image of that name', 'Docker has no image of that name']);
    expect(of('Bind for 127.0.0.1:8080 failed: port is already allocated').what).toContain('127.0.0.1:8080');
    expect(of('Conflict. The container name "/api-ann" is already in use by container "6".')).toMatchObject({ kind: 'refused', what: expect.stringContaining('api-ann'), next: expect.stringContaining('api-ann') });
  });

  test.each([['ECONNREFUSED', 'docker-unreachable'], ['ENOENT', 'docker-unreachable'], ['EACCES', 'docker-denied']])('no daemon: %s', (errno, code) => {
    expect(convertError(endpoint, Object.assign(new Error(`connect ${errno} /x`), { code: errno }), 'x').facts).toMatchObject({ kind: 'environment', code, what: expect.stringContaining('unix:///x') });
  });

  test('an error of ours stays what it is', () => {
    const first = convertError(endpoint, { statusCode: 500, json: { message: 'x' } }, 'x');
    expect(convertError(endpoint, first, 'y')).toBe(first);
  });
});

describe('progress', () => {
  test('a download is told by tenths, not by packets', () => {
    const lines: string[] = [];
    const progress = createProgress((line) => lines.push(line));
    for (let current = 0; current <= 1000; current++) progress.take({ id: 'abc', status: 'Downloading', progressDetail: { current, total: 1000 } });
    expect(lines).toHaveLength(11);
    expect(lines[3]).toBe('abc: Downloading 30 %');
  });

  test('failure inside the stream', () => {
    const progress = createProgress(() => undefined);
    progress.take({ stream: 'Step 1/2 : FROM x\n' });
    expect(progress.error()).toBeUndefined();
    progress.take({ error: 'short', errorDetail: { message: 'the long one' } });
    expect(progress.error()).toBe('the long one');
    expect(progress.last()).toEqual(['Step 1/2 : FROM x']);
  });
});

test('a container as Docker\'s API wants it', () => {
  expect(createOptions({
    name: 'api', image: 'app', labels: { a: 'b' }, env: ['MULTI=a\nb', 'GONE'], networks: [{ network: '00-x', ipv4Address: '10.87.1.20', gatewayPriority: 1000 }, { network: 'other' }],
    ports: [{ containerPort: 80, protocol: 'tcp', hostIp: '127.0.0.1', hostPort: 8080 }, { containerPort: 53, protocol: 'udp' }], restart: 'no', capDrop: ['ALL'], tty: true, openStdin: true,
  })).toEqual({
    name: 'api', Image: 'app', Labels: { a: 'b' }, Env: ['MULTI=a\nb', 'GONE'], Tty: true, OpenStdin: true, StdinOnce: true, ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    NetworkingConfig: { EndpointsConfig: { '00-x': { IPAMConfig: { IPv4Address: '10.87.1.20' }, GwPriority: 1000 } } },
    HostConfig: { NetworkMode: '00-x', PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }], '53/udp': [{ HostIp: '', HostPort: '' }] }, RestartPolicy: { Name: 'no' }, CapDrop: ['ALL'] },
  });
});
