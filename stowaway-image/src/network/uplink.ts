/** The way out of one of our pods. */
import { readFile } from 'node:fs/promises';

/** What network plugins call it. */
const uplink = 'eth0';
const usualMtu = 1500;

/** Bytes; overlays make it smaller than usual. */
export async function uplinkMtu(): Promise<number> {
  const mtu = Number((await readFile(`/sys/class/net/${uplink}/mtu`, 'utf8').catch(() => '')).trim());
  return mtu > 0 ? mtu : usualMtu;
}
