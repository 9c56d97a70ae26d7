/** Running a command where the load is to come from: in a container of this machine, or in a pod. */
import { execa } from 'execa';
import WebSocket from 'ws';
import type { Kube } from '../../support/kube.ts';

/** Returns what the command wrote to stdout. Throws when it fails, with all that it wrote. */
export type Exec = (argv: string[], limitMs?: number) => Promise<string>;

const defaultLimitMs = 60_000;

export const inContainer = (container: string): Exec => async (argv, limitMs = defaultLimitMs) => {
  const { stdout } = await execa('docker', ['exec', container, ...argv], { timeout: limitMs, all: true });
  return stdout;
};

/** Channels of v5.channel.k8s.io: the first byte of every message. */
const channels = { stdout: 1, stderr: 2, status: 3 } as const;

export const inPod = (kube: Kube, namespace: string, pod: string, container: string): Exec => async (argv, limitMs = defaultLimitMs) => {
  const { server, headers, ...tls } = await kube.credentials();
  const url = new URL(`/api/v1/namespaces/${namespace}/pods/${pod}/exec`, server);
  url.search = new URLSearchParams([['container', container], ['stdout', 'true'], ['stderr', 'true'], ...argv.map((word): [string, string] => ['command', word])]).toString();
  const socket = new WebSocket(url, ['v5.channel.k8s.io', 'v4.channel.k8s.io'], { ...tls, headers, perMessageDeflate: false });
  const output: Record<number, string> = {};
  const timer = setTimeout(() => socket.terminate(), limitMs);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('message', (data: Buffer) => { output[data[0]!] = (output[data[0]!] ?? '') + data.subarray(1).toString(); });
      socket.on('unexpected-response', (_request, response) => reject(new Error(`exec in pod ${pod}: HTTP status ${response.statusCode}`)));
      socket.on('error', reject);
      socket.on('close', () => resolve());
    });
  } finally {
    clearTimeout(timer);
  }
  const status = output[channels.status] === undefined ? undefined : JSON.parse(output[channels.status]!) as { status: string; message?: string };
  if (status?.status !== 'Success') {
    throw new Error(`${argv.join(' ')} in pod ${pod}: ${status?.message ?? `no end within ${limitMs} ms`}\n${output[channels.stderr] ?? ''}${output[channels.stdout] ?? ''}`);
  }
  return output[channels.stdout] ?? '';
};
