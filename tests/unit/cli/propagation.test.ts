/** Who dropped the mark: judged from what was seen, not from what was hoped. */
import { describe, expect, test } from '@jest/globals';
import { probeCommand, readAnswers } from '../../../cli/propagation/probe-command.ts';
import { verdictText } from '../../../cli/propagation/report.ts';
import { judge, type Probe, type Sight } from '../../../cli/propagation/verdict.ts';
import type { TapEvent } from '../../../protocol/tap.ts';

const start = 1_800_000_000_000;
const workloads = ['deploy/orders', 'deploy/api', 'deploy/web'];
const probes: Probe[] = Array.from({ length: 5 }, (_, index) => ({ mark: `check-${index}`, trace: `${index}`.repeat(32), sentAt: start + index * 1000, answeredAt: start + index * 1000 + 200, status: 200 }));

const podOf = (workload: string): string => `${workload.replace('deploy/', '')}-1`;
const addresses = new Map(workloads.map((workload) => [podOf(workload), `address of ${podOf(workload)}`]));

/** @param from the caller */
function sight(workload: string, index: number, delay: number, carries: 'mark' | 'trace' | 'nothing', headers: TapEvent['requestHeaders'] = [], from?: string): Sight {
  const { mark, trace } = probes[index]!;
  return { workload, event: {
    at: new Date(start + index * 1000 + delay).toISOString(), pod: podOf(workload), port: 8080, client: from === undefined ? 'c' : `address of ${from}-1`, method: 'GET', path: '/', ms: 200 - delay, version: '1.1', tls: false, by: 'original', bytes: 0,
    ...(carries === 'mark' ? { mark } : {}), requestHeaders: [...headers, ...(carries === 'trace' ? [['traceparent', `00-${trace}-00f067aa0ba902b7-01`] as [string, string]] : [])],
  } };
}
const all = (workload: string, delay: number, carries: Parameters<typeof sight>[3], from?: string): Sight[] => probes.map((_, index) => sight(workload, index, delay, carries, [], from));
const brief = (sights: Sight[]) => {
  const { hops, drops } = judge(workloads, probes, sights, addresses);
  return { hops: hops.map(({ workload, state }) => `${workload} ${state}`), drops };
};

test('all arrived, in the order of the way', () => {
  expect(brief([...all('deploy/orders', 40, 'mark'), ...all('deploy/web', 0, 'mark'), ...all('deploy/api', 20, 'mark')])).toEqual({ hops: ['deploy/web arrived', 'deploy/api arrived', 'deploy/orders arrived'], drops: [] });
});

describe('lost', () => {
  test('with the trace context still there: who calls it is named', () => {
    const sights = [...all('deploy/web', 0, 'mark'), ...all('deploy/api', 20, 'mark', 'web'), ...all('deploy/orders', 40, 'trace', 'api')];
    expect(brief(sights).drops).toEqual([{ by: 'deploy/api', to: 'deploy/orders', traced: true }]);
    // In the order of time api is the last, too; but web calls it.
    expect(brief([...all('deploy/web', 0, 'mark'), ...all('deploy/api', 20, 'mark', 'web'), ...all('deploy/orders', 40, 'trace', 'web')]).drops).toEqual([{ by: 'deploy/web', to: 'deploy/orders', traced: true }]);
  });

  test('with nothing, by keeping step with the probes: only who had the mark is to blame', () => {
    const sights = [...all('deploy/web', 0, 'mark'), ...all('deploy/api', 20, 'nothing', 'web'), ...all('deploy/orders', 40, 'nothing', 'api')];
    expect(brief(sights).drops).toEqual([{ by: 'deploy/web', to: 'deploy/api', traced: false }]);
    const text = verdictText(judge(workloads, probes, sights, addresses), 'svc/web:80/');
    expect(text).toContain('- deploy/web drops the mark on the way to deploy/api.');
    expect(text).toContain('OTEL_SDK_DISABLED=true');
    expect(text).toContain('- deploy/orders is called by deploy/api, which had no mark to pass on.');
  });

  test('nobody saw who calls whom: between whom it got lost', () => {
    const sights = [...all('deploy/web', 0, 'mark'), ...all('deploy/api', 20, 'nothing'), ...all('deploy/orders', 40, 'nothing')];
    expect(brief(sights).drops).toEqual([{ by: 'deploy/web', to: 'deploy/api', traced: false }, { by: 'deploy/web', to: 'deploy/orders', traced: false, between: true }]);
    expect(verdictText(judge(workloads, probes, sights), 'svc/web:80/')).toContain('- the mark gets lost somewhere between deploy/web and deploy/orders; who calls deploy/orders could not be seen.');
  });

  test('one in between could not be watched: nobody is blamed alone, and it is told', () => {
    const sights = [...all('deploy/web', 0, 'mark'), ...all('deploy/orders', 40, 'trace')];
    const verdict = judge(['deploy/web', 'deploy/orders'], probes, sights, addresses, true);
    expect(verdict.drops).toEqual([{ by: 'deploy/web', to: 'deploy/orders', traced: true, between: true }]);
    expect(verdictText(verdict, 'svc/web:80/', new Map([['deploy/api', 'it is off limits']]))).toContain('- deploy/api was not watched: it is off limits');
  });

  test('before all of them', () => expect(brief(all('deploy/web', 0, 'nothing')).drops).toEqual([{ by: null, to: 'deploy/web', traced: false }]));
});

test('other people\'s requests and the kubelet\'s are not the check\'s', () => {
  const kubelet = probes.map((_, index) => sight('deploy/api', index, 10, 'nothing', [['user-agent', 'kube-probe/1.35']]));
  expect(brief([...all('deploy/web', 0, 'mark'), ...kubelet, sight('deploy/orders', 1, 30, 'nothing'), sight('deploy/orders', 2, 600, 'nothing')])).toEqual({ hops: ['deploy/web arrived', 'deploy/orders not-reached', 'deploy/api not-reached'], drops: [] });
});

test('words: who, and what to do there', () => {
  const text = verdictText(judge(workloads, probes, [...all('deploy/web', 0, 'mark'), ...all('deploy/api', 20, 'trace')]), 'svc/web:80/');
  expect(text).toMatch(/deploy\/web +arrived +5 of 5 with the mark/);
  expect(text).toContain('deploy/web drops the mark on the way to deploy/api. It passes the trace context on, but not the baggage: set OTEL_PROPAGATORS=tracecontext,baggage there.');
  expect(verdictText(judge(workloads, probes, []), 'svc/web:80/')).toContain('None of these workloads was reached');
});

test('curl sends them one after the other, and its lines are read', () => {
  const some = probes.slice(0, 2).map((probe) => ({ ...probe }));
  expect(probeCommand('http://web/', some).filter((word) => ['--next', 'http://web/', 'baggage: bridge=check-1'].includes(word))).toEqual(['http://web/', '--next', 'baggage: bridge=check-1', 'http://web/']);
  readAnswers(['200 0.100', '000 0.050'], some, start);
  expect(some.map(({ sentAt, answeredAt }) => [sentAt, answeredAt])).toEqual([[start - 150, start - 50], [start - 50, start]]);
});
