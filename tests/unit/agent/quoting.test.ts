import { describe, expect, test } from '@jest/globals';
import { headerName, methodName, quote } from '../../../stowaway-image/src/agent/proxy/quote.ts';
import { ruleCondition, unusableValue } from '../../../stowaway-image/src/agent/proxy/rule-acl.ts';
import { haproxyWords } from './haproxy-words.ts';
import { nastyRule, nastyText, noise } from './noise.ts';

describe('quoting', () => {
  test('a value comes out of HAProxy\'s parser as it went in, as one word', () => {
    const random = noise(1);
    for (let i = 0; i < 5000; i++) {
      const value = nastyText(random);
      const words = haproxyWords(`acl a path -m str -- ${quote(value)}`);
      if (words.length !== 7 || words[6] !== value) expect({ value, words }).toBe('one word');
    }
  });

  test('rules made of noise give acl lines with exactly one pattern, and refuse the rest', () => {
    const random = noise(2);
    let used = 0;
    for (let i = 0; i < 3000; i++) {
      const rule = nastyRule(random);
      if (unusableValue([rule]) !== undefined) continue;
      used += 1;
      const { acls, condition } = ruleCondition(rule, 'r0');
      expect(condition).toBe('r0_0 r0_1 r0_2');
      const [header = [], path = [], method = []] = acls.map(haproxyWords);
      expect(header).toEqual(['acl', 'r0_0', `req.fhdr(${rule.headers?.[0]?.name})`, '-m', expect.any(String), '--', rule.headers?.[0]?.value]);
      expect(path).toEqual(['acl', 'r0_1', 'path', '-m', 'beg', '--', rule.path?.value]);
      expect(method).toEqual(['acl', 'r0_2', 'method', '-m', 'str', '--', rule.methods?.[0]]);
    }
    expect(used).toBeGreaterThan(300);
  });

  test.each([['line feed', 'a\nuse_backend x'], ['carriage return', 'a\r'], ['NUL', 'a\0b'], ['tab', 'a\tb'], ['DEL', 'a\u007f'], ['half a character', '\ud800'], ['too long', 'a'.repeat(1100)], ['too long once quoted', "'".repeat(300)]])('refuses %s', (_, value) => {
    expect(() => quote(value)).toThrow();
  });

  test.each(["x'y", 'x y', 'x)y', 'x,y', '', 'x:y', 'x"y', 'é'])('refuses the header name %j', (name) => {
    expect(() => headerName(name)).toThrow();
  });

  test('methods are words', () => {
    expect(methodName('PATCH')).toBe('PATCH');
    expect(() => methodName('GET }')).toThrow();
  });

  test('a rule without any condition is refused: it would take everything', () => {
    expect(unusableValue([{}])).toMatch(/without any condition/);
    expect(unusableValue([{ methods: [], headers: [] }])).toMatch(/without any condition/);
  });

  test('a mark is matched as a whole baggage member', () => {
    const pattern = new RegExp((haproxyWords(ruleCondition({ mark: 'a.b' }, 'r').acls[0] ?? '').at(-1) ?? '').replaceAll('[[:space:]]', '\\s'));
    for (const baggage of ['bridge=a.b', 'x=1,bridge=a.b', 'x=1, bridge=a.b ;p=1,y=2', 'bridge=a.b;p']) expect(baggage).toMatch(pattern);
    for (const baggage of ['bridge=a.bc', 'mybridge=a.b', 'bridge=aXb', 'x=bridge=a.b', 'bridge=a']) expect(baggage).not.toMatch(pattern);
    expect(unusableValue([{ mark: 'a b' }])).toMatch(/not a mark/);
  });
});
