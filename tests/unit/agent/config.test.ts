import { describe, expect, test } from '@jest/globals';
import { renderConfig } from '../../../stowaway-image/src/agent/proxy/config.ts';
import type { Frontend } from '../../../stowaway-image/src/agent/proxy/model.ts';
import { renderServerState } from '../../../stowaway-image/src/agent/proxy/server-state.ts';
import { frontend, route } from './fixtures.ts';

const listener = ['bind 10.0.0.7:17000 transparent namespace pb-uid', 'tcp-request connection set-src-port src_port,and(32767),add(1024)'];
const process = { socket: '/run/x.sock', stateFile: '/run/x.state', threads: 1 };

/** The lines of one section, trimmed. */
function section(config: string, head: string): string[] {
  const found = config.split('\n\n').find((text) => text.startsWith(`${head}\n`));
  if (found === undefined) throw new Error(`no section ${head} in\n${config}`);
  return found.trim().split('\n').slice(1).map((line) => line.trim());
}
const server = (config: string, backend: string, name: string): string => section(config, `backend ${backend}`).find((line) => line.startsWith(`server ${name} `)) ?? '';
const render = (...frontends: Frontend[]): string => renderConfig({ frontends }, process);
const marked = route('marked', { rules: [{ mark: 'ann' }], hub: { address: '10.0.9.9', port: 20_002 } });

describe('HAProxy configuration', () => {
  test('a bridge without rules is TCP, byte for byte: nothing is inspected', () => {
    const config = render(frontend([route('all')]));
    expect(section(config, 'frontend f_uid_8080')).toEqual([...listener, 'default_backend btcp_uid_8080_20001']);
    expect(config).not.toMatch(/switch-mode|inspect-delay|mode http/);
  });

  test('the bridge comes first while it is up; a refused connection goes to the original at once, from the client\'s address', () => {
    const lines = section(render(frontend([route('all')])), 'backend btcp_uid_8080_20001');
    expect(lines).toEqual([
      'mode tcp', 'srvtcpka-idle 5s', 'srvtcpka-intvl 2s', 'srvtcpka-cnt 3', 'balance roundrobin', 'use-server bridge if TRUE',
      'server bridge 10.0.9.9:20001 track c_10-0-9-9_20001/s tcp-ut 1000ms weight 0',
      'use-server orig if TRUE',
      'server orig 10.0.0.7:8080 namespace pb-uid source 0.0.0.0 usesrc client weight 256',
      'server orig-any 10.0.0.7:8080 namespace pb-uid source 0.0.0.0 usesrc clientip weight 1',
    ]);
  });

  test('one checked server for each hub port, however many pods follow it', () => {
    const config = render(frontend([route('all')]), frontend([route('all')], { id: 'other_8080', netns: 'pb-other' }));
    expect(config.match(/ check inter /g)).toHaveLength(1);
    expect(config.match(/track c_10-0-9-9_20001\/s/g)).toHaveLength(2);
  });

  test('hub ports stand in the order in which they shall be checked first; with many, the first checks are spread', () => {
    const hubPorts = [20_001, 20_002, 20_003].map((port) => route(String(port), { hub: { address: '10.0.9.9', port }, rules: [{ mark: String(port) }] }));
    const config = renderConfig({ frontends: [frontend(hubPorts)] }, { ...process, checkFirst: ['c_10-0-9-9_20003', 'c_gone', 'c_10-0-9-9_20002'] });
    expect(config.match(/^backend c_\S+$/gm)).toEqual(['backend c_10-0-9-9_20003', 'backend c_10-0-9-9_20002', 'backend c_10-0-9-9_20001']);
    expect(section(config, 'global')).toContain('max-spread-checks 10ms');
    const many = Array.from({ length: 150 }, (_, index) => route(String(index), { hub: { address: '10.0.9.9', port: 20_001 + index }, rules: [{ mark: String(index) }] }));
    expect(section(render(frontend(many)), 'global')).toContain('max-spread-checks 1010ms');
  });

  test('with rules: the first byte decides before anything that could wait', () => {
    const lines = section(render(frontend([marked])), 'frontend f_uid_8080').filter((line) => line.startsWith('tcp-request content'));
    expect(lines).toEqual([
      'tcp-request content accept if { req.len gt 0 } !upper',
      'tcp-request content switch-mode http proto h2 if { req.len gt 2 } h2',
      'tcp-request content switch-mode http if HTTP',
      'tcp-request content accept if WAIT_END',
    ]);
  });

  test('kubelet probes reach the original before any rule', () => {
    const lines = section(render(frontend([marked])), 'frontend f_uid_8080').filter((line) => line.startsWith('use_backend'));
    expect(lines.slice(0, 2)).toEqual(['use_backend oh1_uid_8080 if v1 probe', 'use_backend oh2_uid_8080 if v2 probe']);
    expect(lines.slice(2, 4)).toEqual(['use_backend bh1_uid_8080_20002 if v1 r0_0', 'use_backend bh2_uid_8080_20002 if v2 r0_0']);
    expect(lines.slice(4)).toEqual(['use_backend oh1_uid_8080 if v1', 'use_backend oh2_uid_8080 if v2']);
  });

  test('what no rule matches, HTTP or not, belongs to the bridge without rules', () => {
    const lines = section(render(frontend([marked, route('all')])), 'frontend f_uid_8080');
    expect(lines.slice(-3)).toEqual(['use_backend bh1_uid_8080_20001 if v1', 'use_backend bh2_uid_8080_20001 if v2', 'default_backend btcp_uid_8080_20001']);
  });

  test('answers say who made them, also when the original stands in', () => {
    const config = render(frontend([marked]));
    expect(section(config, 'backend bh1_uid_8080_20002')).toEqual(expect.arrayContaining([
      "http-response set-header x-bridge-served-by 'shop/marked' if { srv_name bridge }", 'http-response set-header x-bridge-served-by original if { srv_name -m beg orig }']));
    expect(section(config, 'backend oh2_uid_8080')).toContain('http-response set-header x-bridge-served-by original');
    expect(render(frontend([{ ...marked, servedBy: false }]))).not.toMatch(/x-bridge-served-by/);
  });

  test('only what may be asked twice is asked twice', () => {
    expect(section(render(frontend([marked])), 'backend bh1_uid_8080_20002')).toContain('http-request disable-l7-retry if !{ method GET HEAD OPTIONS }');
  });

  test('where requests shall rather fail, nothing is balanced to the original, and the failure names the bridge', () => {
    const config = render(frontend([{ ...marked, fallback: 'fail' }, route('all', { fallback: 'fail' })]));
    for (const name of ['bh1_uid_8080_20002', 'bh2_uid_8080_20001', 'btcp_uid_8080_20001']) {
      const lines = section(config, `backend ${name}`);
      expect(lines.filter((line) => / weight 0(?: |$)/.test(line)).map((line) => line.split(' ')[1])).toEqual(['orig', 'orig-any']);
      expect(lines.filter((line) => line.startsWith('use-server'))).toEqual(['use-server bridge if TRUE']);
    }
    expect(section(config, 'backend bh1_uid_8080_20002').join()).toMatch(/http-error status 503 .*bridge shop\/marked .* hdr x-bridge-served-by 'shop\/marked'/);
    expect(section(config, 'backend btcp_uid_8080_20001').join()).not.toMatch(/http-error/);
  });

  describe('with a certificate', () => {
    const secure = { ...marked, certificate: '/run/x/tls/a.pem' };

    test('TLS goes to a second frontend of the same process, which knows the client and opens it', () => {
      const config = render(frontend([secure]));
      const outer = section(config, 'frontend f_uid_8080');
      expect(outer.indexOf('use_backend t_uid_8080 if tls')).toBeLessThan(outer.findIndex((line) => line.startsWith('use_backend o')));
      expect(section(config, 'backend t_uid_8080')).toEqual(['mode tcp', 'server tls abns@x.uid_8080 send-proxy-v2']);
      expect(section(config, 'frontend t_uid_8080')[0]).toBe("bind abns@x.uid_8080 accept-proxy ssl crt '/run/x/tls/a.pem' alpn h2,http/1.1");
    });

    test('what was encrypted goes on encrypted, to the original with the name that was asked for', () => {
      const config = render(frontend([secure]));
      expect(server(config, 'osh1_uid_8080', 'orig')).toMatch(/ ssl verify none alpn http\/1\.1 sni ssl_fc_sni$/);
      expect(server(config, 'bsh2_uid_8080_20002', 'bridge')).toMatch(/tcp-ut 1000ms weight 0 ssl verify none alpn h2,http\/1\.1$/);
      expect(server(config, 'bh1_uid_8080_20002', 'bridge')).not.toMatch(/ssl/);
    });

    test('in plain text, HTTP/2 is for gRPC only', () => {
      const lines = section(render(frontend([{ ...secure, plaintext: true }])), 'frontend t_uid_8080');
      expect(lines.filter((line) => line.includes('use_backend bs'))).toEqual([
        'use_backend bsh1_uid_8080_20002 if v1 r0_0', 'use_backend bsh2_uid_8080_20002 if v2 grpc r0_0', 'use_backend bsh1_uid_8080_20002 if v2 r0_0',
      ]);
    });

    test('rules of those who did not ask for it see nothing of what is in TLS', () => {
      const bob = route('bob', { rules: [{ mark: 'bob' }], hub: { address: '10.0.9.9', port: 20_003 } });
      const config = render(frontend([secure, bob]));
      expect(section(config, 'frontend t_uid_8080').join()).not.toMatch(/20003/);
      expect(section(config, 'frontend f_uid_8080').join()).toMatch(/20003/);
    });
  });

  describe('a bridge that mirrors', () => {
    const copy = { ...marked, mode: 'mirror' as const };

    test('lets the original answer; the container, while it is up, gets a copy', () => {
      const config = render(frontend([copy]));
      expect(section(config, 'frontend f_uid_8080').filter((line) => line.endsWith('r0_0'))).toEqual([
        'use_backend bh1_uid_8080_20002 if v1 { srv_is_up(c_10-0-9-9_20002/s) } r0_0', 'use_backend bh2_uid_8080_20002 if v2 { srv_is_up(c_10-0-9-9_20002/s) } r0_0',
        'use_backend oh1_uid_8080 if v1 r0_0', 'use_backend oh2_uid_8080 if v2 r0_0',
      ]);
      const backend = section(config, 'backend bh1_uid_8080_20002');
      expect(backend.filter((line) => line.startsWith('server')).map((line) => line.split(' ')[1])).toEqual(['orig', 'orig-any']);
      expect(backend).toContain('filter lua.mirror 10.0.9.9 20002 open shop/marked');
      expect(section(config, 'global')).toContain('lua-load-per-thread /run/requests.lua');
    });

    test('without rules copies all HTTP, and leaves the rest to the original', () => {
      const config = render(frontend([route('all', { mode: 'mirror' })]));
      expect(section(config, 'frontend f_uid_8080').at(-1)).toBe('default_backend otcp_uid_8080');
      expect(config).toMatch(/switch-mode/);
      expect(section(render(frontend([route('all', { mode: 'mirror' })], { serverFirst: true })), 'frontend f_uid_8080').at(-1)).toBe('default_backend otcp_uid_8080');
    });
  });

  test('delays and faults are the bridge\'s own; Lua is loaded where it is needed', () => {
    const config = render(frontend([{ ...marked, delayMs: 300, fault: { percent: 5, status: 429 } }]));
    expect(section(config, 'backend bh2_uid_8080_20002')).toEqual(expect.arrayContaining(['http-request lua.delay 300', expect.stringMatching(/^http-request return status 429 .* if \{ rand\(100\) lt 5 \}$/)]));
    expect(section(config, 'backend oh2_uid_8080').join()).not.toMatch(/lua|return/);
    expect(section(render(frontend([marked])), 'global').join()).not.toMatch(/lua/);
  });

  test('the container is told whose request it is; the original, should it stand in, is not', () => {
    expect(section(render(frontend([marked])), 'backend bh1_uid_8080_20002')).toContain('http-request add-header x-forwarded-for %[src] if { srv_is_up(c_10-0-9-9_20002/s) }');
    expect(render(frontend([route('all')]))).not.toMatch(/x-forwarded/);
    const proxied = render(frontend([route('all', { proxyProtocol: true })]));
    expect(server(proxied, 'btcp_uid_8080_20001', 'bridge')).toMatch(/ send-proxy-v2$/);
    expect(server(proxied, 'btcp_uid_8080_20001', 'orig')).not.toMatch(/proxy/);
  });

  test('where the server speaks first, rules are left out: nothing is waited for', () => {
    const config = render(frontend([marked], { serverFirst: true }));
    expect(section(config, 'frontend f_uid_8080')).toEqual([...listener, 'default_backend otcp_uid_8080']);
  });

  test('an httpGet probe is looked for only in connections of the node', () => {
    const lines = section(render(frontend([route('all')], { probes: { kinds: ['http'], sources: ['10.0.0.1'] } })), 'frontend f_uid_8080');
    expect(lines).toEqual([
      ...listener, 'acl node src 10.0.0.1', 'tcp-request inspect-delay 2000ms', 'tcp-request content accept if !node',
      'tcp-request content accept if { req.len gt 0 }', 'tcp-request content accept if WAIT_END',
      'use_backend otcp_uid_8080 if node { req.payload(0,0) -m sub -- kube-probe/ }', 'default_backend btcp_uid_8080_20001',
    ]);
  });

  test('a grpc probe needs somebody who speaks HTTP/2, for connections of the node only', () => {
    const lines = section(render(frontend([route('all')], { probes: { kinds: ['grpc'], sources: ['10.0.0.1'] } })), 'frontend f_uid_8080');
    expect(lines).toContain('use_backend oh2_uid_8080 if node { fc_http_major 2 } { req.fhdr(user-agent) -m beg -- kube-probe/ }');
    expect(lines.indexOf('tcp-request content accept if !node')).toBeLessThan(lines.findIndex((line) => line.includes('switch-mode')));
  });

  test('servers that were never seen up are down until their first check', () => {
    const [version, , row = ''] = renderServerState(['c_10-0-9-9_20001'], new Map([['c_10-0-9-9_20001', { address: '10.0.9.9', port: 20_001 }]])).split('\n');
    expect(version).toBe('1');
    expect(row.split(' ')).toHaveLength(25);
    expect(row).toMatch(/^1 c_10-0-9-9_20001 1 s 10\.0\.9\.9 0 /);
  });

  test('a frozen original: its probes are answered for it, everything else goes on as before', () => {
    const probes = { kinds: ['grpc', 'http'] as ('grpc' | 'http')[], sources: ['10.0.0.1'] };
    const config = render(frontend([route('all')], { frozen: true, probes }), frontend([], { id: 'health', port: 9090, listenPort: 17_001, frozen: true, probes: { kinds: ['http'], sources: ['10.0.0.1'] } }), frontend([], { id: 'open', port: 9091, listenPort: 17_002, frozen: true }));
    expect(section(config, 'frontend f_uid_8080').filter((line) => line.includes('_backend'))).toEqual([
      'use_backend ph2_uid_8080 if node { fc_http_major 2 } { req.fhdr(user-agent) -m beg -- kube-probe/ }', 'use_backend bh2_uid_8080_20001 if node { fc_http_major 2 }',
      'use_backend ptcp_uid_8080 if node { req.payload(0,0) -m sub -- kube-probe/ }', 'default_backend btcp_uid_8080_20001',
    ]);
    expect(section(config, 'backend ptcp_uid_8080')).toEqual(['mode tcp', 'server agent unix@/run/probes.sock']);
    expect(section(config, 'backend ph2_uid_8080')).toContain('server agent unix@/run/probes-grpc.sock proto h2');
    expect(section(config, 'frontend f_health').slice(-2)).toEqual(['use_backend ptcp_health if node { req.payload(0,0) -m sub -- kube-probe/ }', 'default_backend otcp_health']);
    // A probe that only connects must not reach the queue of a process that stands still.
    expect(section(config, 'frontend f_open')).toContain('tcp-request content accept if WAIT_END');
    const ruled = render(frontend([marked, route('all')], { frozen: true }));
    expect(section(ruled, 'frontend f_uid_8080').filter((line) => line.endsWith(' probe'))).toEqual(['use_backend ph1_uid_8080 if v1 probe', 'use_backend ph2_uid_8080 if v2 probe']);
  });
});
