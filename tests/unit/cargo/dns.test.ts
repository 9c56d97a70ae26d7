import { describe, expect, test } from '@jest/globals';
import { createFrameReader, frame } from '../../../cargo-image/src/dns/ask.ts';
import { questionName, rcode, serverFailure } from '../../../cargo-image/src/dns/message.ts';
import { clusterPatienceMs, createResolver, failureMemoryMs, slowClusterMs, type Upstream } from '../../../cargo-image/src/dns/resolve.ts';

function query(name: string, id = 7): Buffer {
  const labels = name.split('.').filter(Boolean).map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([Buffer.from([0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}
/** An answer is told by its code and by a last byte that says who gave it. */
function answer(from: Upstream, code: number): Buffer {
  return Buffer.concat([Buffer.from([0, 7, 0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from(from)]);
}
const [ok, servfail, nxdomain, refused] = [0, 2, 3, 5];

/** A clock that the test turns; every wait is on it. */
function clock() {
  let nowMs = 0;
  let waits: { atMs: number; resolve: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    wait: (delayMs: number) => new Promise<void>((resolve) => { waits.push({ atMs: nowMs + delayMs, resolve }); }),
    async advance(byMs: number) {
      const end = nowMs + byMs;
      for (;;) {
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
        const next = waits.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        waits = waits.filter((wait) => wait !== next);
        nowMs = next.atMs;
        next.resolve();
      }
      nowMs = end;
    },
  };
}

type Behaviour = { afterMs: number; code?: number };

function setup(cluster: Behaviour, host: Behaviour) {
  const time = clock();
  const asked: [Upstream, number][] = [];
  const behaviours = { cluster, host };
  const resolver = createResolver({ domain: 'cluster.local', nowMs: time.nowMs, wait: time.wait });
  async function resolve(name: string): Promise<{ from: string; code: number; afterMs: number } | undefined> {
    const startMs = time.nowMs();
    let result: { from: string; code: number; afterMs: number } | undefined;
    void resolver.resolve(query(name), async (upstream) => {
      asked.push([upstream, time.nowMs() - startMs]);
      const { afterMs, code } = behaviours[upstream];
      await time.wait(afterMs);
      if (code === undefined) throw new Error('silent');
      return answer(upstream, code);
    }).then((given) => {
      const from = given.subarray(12).toString();
      result = { from: from === 'cluster' || from === 'host' ? from : 'own', code: rcode(given), afterMs: time.nowMs() - startMs };
    });
    await time.advance(20_000);
    return result;
  }
  return { resolve, asked, behaviours, time };
}

test('names in a network of Docker that Docker itself does not know are nobody\'s: no one is asked', async () => {
  const { resolve, asked } = setup({ afterMs: 3, code: ok }, { afterMs: 1, code: ok });
  for (const name of ['web.shop_default', 'web.Shop_Back-1', 'api.github.com.shop_default', '_net']) expect(await resolve(name)).toEqual({ from: 'own', code: nxdomain, afterMs: 0 });
  expect(asked).toEqual([]);
  expect(await resolve('_http._tcp.web.shop.svc.cluster.local')).toMatchObject({ from: 'cluster' });
  expect(await resolve('_dmarc.example.com')).toMatchObject({ from: 'cluster' });
});

describe('who answers', () => {
  test('the cluster, when it can; the host is not even asked', async () => {
    const { resolve, asked } = setup({ afterMs: 3, code: ok }, { afterMs: 1, code: ok });
    expect(await resolve('git.corp.example')).toEqual({ from: 'cluster', code: ok, afterMs: 3 });
    expect(await resolve('web.shop.svc.cluster.local')).toEqual({ from: 'cluster', code: ok, afterMs: 3 });
    expect(asked.map(([upstream]) => upstream)).toEqual(['cluster', 'cluster']);
  });

  test('"no such name" of the cluster is an answer: the container is the pod', async () => {
    expect(await setup({ afterMs: 3, code: nxdomain }, { afterMs: 1, code: ok }).resolve('laptop.lan')).toEqual({ from: 'cluster', code: nxdomain, afterMs: 3 });
  });

  test.each([['fails', servfail], ['refuses', refused]])('the host, at once, when the cluster %s', async (_, code) => {
    expect(await setup({ afterMs: 3, code }, { afterMs: 5, code: ok }).resolve('example.org')).toEqual({ from: 'host', code: ok, afterMs: 8 });
  });

  test('the host, soon, when the cluster is slow to fail; together with it while that is known', async () => {
    const { resolve, asked, time } = setup({ afterMs: 4100, code: servfail }, { afterMs: 5, code: ok });
    expect(await resolve('example.org')).toEqual({ from: 'host', code: ok, afterMs: slowClusterMs + 5 });
    expect(await resolve('example.com')).toEqual({ from: 'host', code: ok, afterMs: 5 });
    asked.length = 0;
    await time.advance(failureMemoryMs);
    expect(await resolve('example.net')).toMatchObject({ from: 'host', afterMs: slowClusterMs + 5 });
    expect(asked).toEqual([['cluster', 0], ['host', slowClusterMs]]);
  });

  test('a healthy cluster is trusted again at once', async () => {
    const { resolve, behaviours } = setup({ afterMs: 3, code: servfail }, { afterMs: 5, code: ok });
    await resolve('example.org');
    behaviours.cluster = { afterMs: 10, code: ok };
    behaviours.host = { afterMs: 50, code: ok };
    expect(await resolve('example.org')).toMatchObject({ from: 'cluster' });
    behaviours.host = { afterMs: 1, code: ok };
    expect(await resolve('example.org')).toMatchObject({ from: 'cluster', afterMs: 10 });
  });

  test('"no such name" from the host waits a little for a cluster that may know better', async () => {
    expect(await setup({ afterMs: 400, code: ok }, { afterMs: 5, code: nxdomain }).resolve('git.corp')).toEqual({ from: 'cluster', code: ok, afterMs: 400 });
    expect(await setup({ afterMs: 9000, code: ok }, { afterMs: 5, code: nxdomain }).resolve('git.corp')).toEqual({ from: 'host', code: nxdomain, afterMs: slowClusterMs + 5 + clusterPatienceMs });
  });

  test('names of the cluster never go to the host, however it fails', async () => {
    for (const behaviour of [{ afterMs: 5000 }, { afterMs: 1, code: servfail }, { afterMs: 1, code: refused }]) {
      const { resolve, asked } = setup(behaviour, { afterMs: 1, code: ok });
      expect(await resolve('API.shop.svc.Cluster.Local')).toMatchObject({ from: behaviour.code === undefined ? 'own' : 'cluster' });
      expect(asked.map(([upstream]) => upstream)).toEqual(['cluster']);
    }
  });

  test('nobody answers: server failure', async () => {
    expect(await setup({ afterMs: 5000 }, { afterMs: 5000 }).resolve('example.org')).toMatchObject({ from: 'own', code: servfail });
  });

  test('a name that only ends alike is not the cluster\'s', async () => {
    const { resolve, asked } = setup({ afterMs: 1, code: servfail }, { afterMs: 1, code: ok });
    expect(await resolve('notcluster.local')).toMatchObject({ from: 'host' });
    expect(asked.map(([upstream]) => upstream)).toEqual(['cluster', 'host']);
  });
});

describe('messages', () => {
  test('question names', () => {
    expect(questionName(query('Web.Shop'))).toBe('web.shop');
    expect(questionName(query(''))).toBe('');
    expect(questionName(Buffer.alloc(12))).toBeUndefined();
    expect(questionName(Buffer.concat([query('a').subarray(0, 12), Buffer.from([5, 65])]))).toBeUndefined();
    expect(questionName(Buffer.concat([query('a').subarray(0, 12), Buffer.from([0xc0, 12])]))).toBeUndefined();
  });

  test('server failure keeps id and question', () => {
    const failure = serverFailure(query('a.b', 9));
    expect(failure[1]).toBe(9);
    expect((failure[2] ?? 0) & 0x80).toBe(0x80);
    expect(rcode(failure)).toBe(servfail);
    expect(questionName(failure)).toBe('a.b');
  });

  test('TCP frames in any pieces', () => {
    const messages: string[] = [];
    const read = createFrameReader((message) => messages.push(message.toString()));
    const bytes = Buffer.concat([frame(Buffer.from('one')), frame(Buffer.from('')), frame(Buffer.from('three'))]);
    for (const byte of bytes) read(Buffer.from([byte]));
    expect(messages).toEqual(['one', '', 'three']);
  });
});
