import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { loopbackLabel } from '../../../cli/bridge/loopback.ts';
import { loopbackListeners, loopbackPorts } from '../../../stowaway-image/src/agent/identity/loopback-ports.ts';

/** As the kernel writes it: 127.0.0.1:5432, 10.0.0.9:9000, 0.0.0.0:9901, and a connection of the first. */
const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0000000000000000 100 0 0 10 0
   1: 0900000A:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1 0000000000000000 100 0 0 10 0
   2: 00000000:26AD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 103 1 0000000000000000 100 0 0 10 0
   3: 0100007F:1538 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0000000000000000 100 0 0 10 0
`;
const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 201 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 202 1 0000000000000000 100 0 0 10 0
`;
const proc = mkdtempSync(join(tmpdir(), 'podbridge-proc-'));
afterAll(() => rmSync(proc, { recursive: true }));

function process(pid: number, containerId: string, inodes: number[]) {
  mkdirSync(join(proc, `${pid}/fd`), { recursive: true });
  mkdirSync(join(proc, `${pid}/net`));
  writeFileSync(join(proc, `${pid}/net/tcp`), tcp);
  writeFileSync(join(proc, `${pid}/net/tcp6`), tcp6);
  symlinkSync('/dev/null', join(proc, `${pid}/fd/0`));
  inodes.forEach((inode, at) => symlinkSync(`socket:[${inode}]`, join(proc, `${pid}/fd/${at + 3}`)));
  return { pid, startTime: pid, owner: { podUid: 'uid', containerId } };
}

test('what a connection to 127.0.0.1 reaches', () => {
  expect([...loopbackListeners(tcp), ...loopbackListeners(tcp6)]).toEqual([{ port: 5432, inode: '101' }, { port: 9901, inode: '103' }, { port: 8080, inode: '201' }]);
});

test('ports of the other containers, not those of the target itself', () => {
  const processes = [process(1, 'pause', []), process(2, 'main', [201]), process(3, 'side', [101, 102]), process(4, 'mesh', [103, 202])];
  const container = { name: 'main', image: 'x', id: 'main', ready: true, execProbe: false, limits: {}, probes: [], ports: [], mounts: [] };
  expect(loopbackPorts(container, processes, proc)).toEqual([5432, 9901]);
  expect(loopbackPorts({ ...container, id: 'side' }, processes, proc)).toEqual([8080, 9901]);
});

test('a port of the app\'s own is left to it', () => {
  expect(loopbackLabel([5432, 9901], [9901])).toEqual({ 'podbridge.dev/loopback': '5432' });
  expect(loopbackLabel([9901], [9901])).toEqual({});
});
