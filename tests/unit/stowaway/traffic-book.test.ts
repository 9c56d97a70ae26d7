import { expect, test } from '@jest/globals';
import { parseTransfers } from '../../../stowaway-image/src/adapters/wg.ts';
import { leastGrowthBytes, TrafficBook } from '../../../stowaway-image/src/hub/traffic-book.ts';

test('bytes add up over hubs and peers, and are written when there are many more', () => {
  const book = new TrafficBook();
  expect(book.count('a', undefined, { received: 10, sent: 20 })).toBeUndefined();
  expect(book.count('a', undefined, { received: leastGrowthBytes, sent: 20 })).toEqual({ fromClient: leastGrowthBytes, toClient: 20 });
  const written = { fromClient: leastGrowthBytes, toClient: 20 };
  expect(book.count('a', written, { received: leastGrowthBytes + 5, sent: 20 })).toBe(written);
  // The peer was added again: it counts from zero.
  expect(book.count('a', written, { received: 0, sent: leastGrowthBytes })).toEqual({ fromClient: leastGrowthBytes + 5, toClient: leastGrowthBytes + 20 });
  // Another hub goes on from what is written.
  expect(new TrafficBook().count('a', written, { received: leastGrowthBytes, sent: 0 })).toEqual({ fromClient: 2 * leastGrowthBytes, toClient: 20 });
});

test('what wg prints', () => expect(parseTransfers('KEY=\t100\t200\nOTHER=\t0\t0\n')).toEqual(new Map([['KEY=', { received: 100, sent: 200 }], ['OTHER=', { received: 0, sent: 0 }]])));
