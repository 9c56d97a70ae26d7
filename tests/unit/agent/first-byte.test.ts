/** Who speaks first: what a server sends before it was asked anything. */
import { describe, expect, test } from '@jest/globals';
import { whoSpoke } from '../../../stowaway-image/src/adapters/first-byte.ts';

const hex = (text: string): string => Buffer.from(text).subarray(0, 9).toString('hex');

describe('who speaks first', () => {
  test.each([
    ['nothing at all', '', 'client'],
    ['SETTINGS of a gRPC server (6 bytes follow)', '000006040000000000', 'client'],
    ['empty SETTINGS', '000000040000000000', 'client'],
    ['an SMTP greeting', hex('220 mail ready\r\n'), 'server'],
    ['a greeting of two bytes', hex('+\n'), 'server'],
    ['MySQL\'s handshake', '4a0000000a382e302e', 'server'],
    ['SETTINGS acknowledged, which nobody sends first', '000000040100000000', 'server'],
    ['another frame', '000008060000000000', 'server'],
  ])('%s', (_what, bytes, who) => {
    expect(whoSpoke(bytes)).toBe(who);
  });
});
