/** How HAProxy tells of requests that are tapped: one JSON line each, on its standard output. */
import { createHash } from 'node:crypto';
import { ruleCondition } from './rule-acl.ts';
import type { Tap } from './model.ts';

/** A line longer than this is cut by HAProxy, and then dropped by us: headers of 8 KiB each way, in base64, fit. */
const lineBytes = 32_768;

/** Stands for a bridge in a line; stable, because lines of a replaced process come late. */
export function tapId(bridge: string): string {
  return createHash('sha256').update(bridge).digest('hex').slice(0, 12);
}

const tapped = '{ var(txn.tap) -m found }';

/** Lines of a frontend, before those that look at a connection. Nothing but tapped requests is told. */
export function tapForm(taps: readonly Tap[]): string[] {
  if (taps.length === 0) return [];
  const fields = [
    // The line is written when the request is over; HAProxy's own timers are for HTTP frontends, or begin with the connection.
    '%(ms)[var(txn.tap_ms)] %(end)[date(0,ms)] %(client)ci %(fe)f %(be)b %(srv)s %(method)[var(txn.tap_method)] %(path)[var(txn.tap_path)] %(status)[var(txn.tap_status)]',
    '%(version)[var(txn.tap_version)] %(baggage)[var(txn.tap_baggage)] %(taps)[var(txn.tap)] %(bytes)B',
    ...(taps.some((tap) => tap.headers) ? ['%(asked)[var(txn.tap_asked)] %(answered)[var(txn.tap_answered)]'] : []),
  ];
  return [`log stdout len ${lineBytes} format raw local0`, `log-format '%{+json}o ${fields.join(' ')}'`, 'tcp-request content set-log-level silent'];
}

/** Lines of a frontend, before those that send requests anywhere. */
export function tapLines(taps: readonly Tap[]): string[] {
  if (taps.length === 0) return [];
  const headers = taps.some((tap) => tap.headers);
  const conditions = taps.flatMap(({ bridge, rules }, index) => {
    const set = `http-request set-var-fmt(txn.tap) "%[var(txn.tap)]${tapId(bridge)} "`;
    return rules.length === 0 ? [set] : rules.flatMap((rule, number) => {
      const { acls, condition } = ruleCondition(rule, `t${index}_${number}`);
      return [...acls, `${set} if ${condition}`];
    });
  });
  const keep = (name: string, sample: string, on = 'http-request'): string => `${on} set-var(txn.tap_${name}) ${sample} if ${tapped}`;
  return [
    ...conditions,
    `http-request set-log-level info if ${tapped}`,
    keep('ms', 'date(0,ms)'), keep('method', 'method'), keep('path', 'pathq'), keep('version', 'req.ver'), keep('baggage', 'req.fhdr(baggage)'),
    ...(headers ? [keep('asked', 'req.hdrs,base64')] : []),
    keep('status', 'status', 'http-after-response'),
    ...(headers ? [keep('answered', 'res.hdrs,base64', 'http-after-response')] : []),
  ];
}
