/** Who may use the SSH server: each bridge whose files were asked for has a key, made here and given away sealed only. */
import { generateKeyPairSync } from 'node:crypto';
import type { SessionTarget } from './container-files.ts';

export interface KeyPair {
  /** Seed and public half of an Ed25519 key, raw, base64. */
  seed: string;
  publicKey: string;
}

export function makeKeyPair(): KeyPair {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const standard = (text: string | undefined): string => Buffer.from(text ?? '', 'base64url').toString('base64');
  return { seed: standard(d), publicKey: standard(x) };
}

/** As pod-files takes it (pod-files/serve.go). */
export type Grant = { id: string; publicKey: string } & SessionTarget;

interface Held {
  key: KeyPair;
  target: SessionTarget;
}

export class Grants {
  readonly #held = new Map<string, Held>();

  /** @param owner uid of the bridge and key of its client: who has another of either gets another key. */
  grant(bridge: string, owner: string, target: SessionTarget): KeyPair {
    const id = `${bridge} ${owner}`;
    const key = this.#held.get(id)?.key ?? makeKeyPair();
    this.#held.set(id, { key, target });
    return key;
  }

  /** Takes back what is no longer held by anybody. True when there was something. */
  keepOnly(held: (bridge: string, owner: string) => boolean): boolean {
    const before = this.#held.size;
    for (const id of [...this.#held.keys()]) {
      const [bridge = '', owner = ''] = id.split(' ');
      if (!held(bridge, owner)) this.#held.delete(id);
    }
    return this.#held.size < before;
  }

  get size(): number {
    return this.#held.size;
  }

  list(): Grant[] {
    return [...this.#held].map(([id, { key: { publicKey }, target }]) => ({ id: id.split(' ')[0] ?? '', publicKey, ...target }));
  }
}
