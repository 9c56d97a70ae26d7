/** Does the server at this port speak first? Asked once per port, from inside the pod's network namespace. */
import { inNetns } from './netns.ts';

export type FirstByte = 'server' | 'client' | 'closed';

/** Servers that greet do so at once: 1 ms was measured; a client-first one says nothing for ever. */
const greetingWaitSeconds = 0.3;
const closedCode = 7;
// A constant program; address and port are its arguments. bash connects by itself (/dev/tcp), which saves a tool in the image.
const script = `exec 2>/dev/null; exec 3<>"/dev/tcp/$1/$2" || exit ${closedCode}; IFS= read -r -n 1 -t "$3" -u 3; [ $? -gt 128 ] && exit 1; exit 0`;

export async function whoSpeaksFirst(netns: string, address: string, port: number): Promise<FirstByte> {
  const { exitCode } = await inNetns(netns, ['bash', '-c', script, 'first-byte', address, String(port), String(greetingWaitSeconds)], { ok: [0, 1, closedCode] });
  return exitCode === 0 ? 'server' : exitCode === 1 ? 'client' : 'closed';
}
