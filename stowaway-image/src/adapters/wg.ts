/** wireguard-tools. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

/** In memory in our pods. */
const keyFolder = '/run/podbridge-';

export interface WgPeer {
  publicKey: string;
  /** CIDRs. */
  allowedIps: string[];
}

export interface PeerChanges {
  /** Public keys. */
  remove: string[];
  put: WgPeer[];
}

export interface Wg {
  /** The key goes through a file that only root may read and that is removed at once: argv is readable by every process of the node. */
  setInterface(device: string, settings: { privateKey: string; listenPort: number }): Promise<void>;
  peers(device: string): Promise<WgPeer[]>;
  /** Bytes by public key, since the peer was added. */
  transfers(device: string): Promise<Map<string, { received: number; sent: number }>>;
  /** Peers that are not named are left alone, and so are their sessions. */
  change(device: string, changes: PeerChanges): Promise<void>;
}

/** Argv has a limit (128 KiB per word, 2 MiB in all); a peer takes about 100 bytes. */
const peersPerCall = 500;

/** `wg show DEVICE allowed-ips`: key, tab, blank-separated CIDRs or `(none)` (wg(8)). */
export function parseAllowedIps(output: string): WgPeer[] {
  return output.split('\n').filter((line) => line !== '').map((line) => {
    const [publicKey = '', allowed = ''] = line.split('\t');
    return { publicKey, allowedIps: allowed.split(' ').filter((cidr) => cidr !== '' && cidr !== '(none)') };
  });
}

/** `wg show DEVICE transfer`: key, bytes received, bytes sent, with tabs (wg(8)). */
export function parseTransfers(output: string): Map<string, { received: number; sent: number }> {
  return new Map(output.split('\n').filter((line) => line !== '').map((line) => {
    const [key = '', received = '0', sent = '0'] = line.split('\t');
    return [key, { received: Number(received), sent: Number(sent) }];
  }));
}

export const wg: Wg = {
  async setInterface(device, { privateKey, listenPort }) {
    // Not stdin: what Node gives a child there is a socket, and those cannot be opened by name.
    const folder = await mkdtemp(keyFolder);
    try {
      const file = join(folder, 'key');
      await writeFile(file, `${privateKey}\n`, { mode: 0o600 });
      await run(['wg', 'set', device, 'listen-port', String(listenPort), 'private-key', file]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  async peers(device) {
    return parseAllowedIps((await run(['wg', 'show', device, 'allowed-ips'])).stdout);
  },
  async transfers(device) {
    return parseTransfers((await run(['wg', 'show', device, 'transfer'])).stdout);
  },
  async change(device, { remove, put }) {
    const words = [
      ...remove.map((key) => ['peer', key, 'remove']),
      ...put.map(({ publicKey, allowedIps }) => ['peer', publicKey, 'allowed-ips', allowedIps.join(',')]),
    ];
    for (let start = 0; start < words.length; start += peersPerCall) {
      await run(['wg', 'set', device, ...words.slice(start, start + peersPerCall).flat()]);
    }
  },
};
