/** Does the server at this port speak first? Asked once per port, from inside the pod's network namespace. */
import { inNetns } from './netns.ts';

export type FirstByte = 'server' | 'client' | 'closed';

/** Servers that greet do so at once: 1 ms was measured; a client-first one says nothing for ever. */
const greetingWaitSeconds = 0.3;
const closedCode = 7;
/** An HTTP/2 frame's header (RFC 9113, 4.1), enough to know it by. */
const headBytes = 9;
// A constant program; its arguments are data. bash connects by itself (/dev/tcp), which saves a tool in the image; dd takes
// what one read gives, so that a greeting of fewer bytes is seen too.
const script = `exec 2>/dev/null; exec 3<>"/dev/tcp/$1/$2" || exit ${closedCode}; timeout "$3" dd bs="$4" count=1 status=none <&3 | od -An -v -tx1`;

export async function whoSpeaksFirst(netns: string, address: string, port: number): Promise<FirstByte> {
  const { exitCode, stdout } = await inNetns(netns, ['bash', '-c', script, 'first-byte', address, String(port), String(greetingWaitSeconds), String(headBytes)], { ok: [0, closedCode] });
  return exitCode === closedCode ? 'closed' : whoSpoke(stdout.replaceAll(/\s/g, ''));
}

/**
 * An HTTP/2 server that knows its client will speak HTTP/2 (gRPC's do) sends its SETTINGS without waiting (RFC 9113, 3.4). It is a
 * client-first protocol all the same: the request decides.
 *
 * @param hex what the server sent unasked, at most {@link headBytes}
 */
export function whoSpoke(hex: string): 'server' | 'client' {
  return hex === '' || isSettingsFrame(hex) ? 'client' : 'server';
}

/** 24 bits of length, type 4, no flags, stream 0. */
function isSettingsFrame(hex: string): boolean {
  return hex.length === headBytes * 2 && hex.slice(6) === '040000000000';
}
