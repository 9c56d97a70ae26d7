import { describe, expect, test } from '@jest/globals';
import { RequestCounters } from '../../../stowaway-image/src/agent/proxy/counters.ts';
import { parseServerStats } from '../../../stowaway-image/src/agent/proxy/stats.ts';

const head = '# pxname,svname,scur,stot,econ,eresp,wretr,wredis,status\n';
const line = (backend: string, server: string, total: number, { econ = 0, eresp = 0, redispatched = 0 } = {}) => `${backend},${server},0,${total},${econ},${eresp},0,${redispatched},UP\n`;
const stats = (...lines: string[]) => parseServerStats(head + lines.join(''));
const port = { frontend: 'u_8080', hubPort: 20_001 };

describe('requests by bridge', () => {
  test('to the container, to the original (also beside another form, and after a refusal), and those that nobody answered', () => {
    const counters = new RequestCounters();
    counters.begin('shop/api 1', [port]);
    counters.take(1, stats(
      line('c_10-0-9-9_20001', 's', 900), line('bh1_u_8080_20001', 'bridge', 10, { redispatched: 2, eresp: 1 }), line('bh1_u_8080_20001', 'orig', 2),
      line('bh2_u_8080_20001', 'bridge', 5), line('oh1_u_8080', 'orig', 30), line('otcp_u_8080', 'orig', 1, { econ: 1 }), line('oh1_other_8080', 'orig', 70),
    ));
    expect(counters.of('shop/api 1')).toEqual({ local: 13, original: 33, failed: 2 });
    expect(counters.of('shop/other 1')).toBeUndefined();
  });

  test('a new process counts from zero, and the sums go on; the same answer twice adds nothing', () => {
    const counters = new RequestCounters();
    counters.begin('b', [port]);
    const first = stats(line('btcp_u_8080_20001', 'bridge', 7));
    counters.take(1, first);
    counters.take(1, first);
    counters.take(2, stats(line('btcp_u_8080_20001', 'bridge', 3)));
    counters.take(1, stats(line('btcp_u_8080_20001', 'bridge', 9)));
    counters.keep(new Set([2]));
    counters.take(2, stats(line('btcp_u_8080_20001', 'bridge', 4)));
    expect(counters.of('b')).toEqual({ local: 13, original: 0, failed: 0 });
  });

  test('a bridge does not inherit what came before it, and pods that have gone keep what they had', () => {
    const counters = new RequestCounters();
    counters.begin('old', [port]);
    counters.take(1, stats(line('btcp_u_8080_20001', 'bridge', 7), line('otcp_u_8080', 'orig', 5)));
    counters.retain(new Set(['old', 'new']));
    counters.begin('new', [port]);
    counters.begin('new', [{ frontend: 'v_8080', hubPort: 20_001 }]);
    counters.take(1, stats(line('btcp_u_8080_20001', 'bridge', 8), line('otcp_u_8080', 'orig', 6), line('btcp_v_8080_20001', 'bridge', 1)));
    expect(counters.of('new')).toEqual({ local: 2, original: 1, failed: 0 });
    counters.retain(new Set());
    expect(counters.of('new')).toBeUndefined();
  });
});
