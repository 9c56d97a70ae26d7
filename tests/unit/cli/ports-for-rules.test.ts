import { describe, expect, test } from '@jest/globals';
import { portsForRules } from '../../../cli/target/ports.ts';

const http = { port: 8080, protocol: 'TCP', local: 8080 } as const;
const dns = { port: 53, protocol: 'UDP', local: 53 } as const;

describe('ports of a bridge with rules', () => {
  test('declared UDP ports stay with the original', () => {
    expect(portsForRules([http, dns], false)).toEqual([http]);
  });

  test.each([[[http, dns], true], [[dns], false]] as const)('%j, asked for: %j, is refused with the way out', (ports, askedFor) => {
    expect(() => portsForRules([...ports], askedFor)).toThrow(expect.objectContaining({ facts: expect.objectContaining({ kind: 'usage', code: 'port-without-rules', next: expect.stringMatching(/--port/) }) }));
  });
});
