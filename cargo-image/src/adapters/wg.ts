/** wireguard-tools. The private key is read by `wg` from its file. */
import { command } from './command.ts';

export interface Peer {
  publicKey: string;
  endpoint: string;
  /** Seconds since 1970; 0 before the first handshake. */
  latestHandshakeS: number;
  rxBytes: number;
  txBytes: number;
}

export interface Wg {
  set(device: string, args: string[]): Promise<void>;
  peers(device: string): Promise<Peer[]>;
}

/** `wg show DEVICE dump`: the first line is the interface, then one line per peer, tab separated (wg(8)). */
export function parseDump(dump: string): Peer[] {
  return dump.split('\n').slice(1).filter((line) => line !== '').map((line) => {
    const [publicKey = '', , endpoint = '', , handshake = '0', rx = '0', tx = '0'] = line.split('\t');
    return { publicKey, endpoint, latestHandshakeS: Number(handshake), rxBytes: Number(rx), txBytes: Number(tx) };
  });
}

export const wg: Wg = {
  async set(device, args) {
    await command('wg', ['set', device, ...args]);
  },
  async peers(device) {
    return parseDump(await command('wg', ['show', device, 'dump']));
  },
};
