/** The link's key pair. Made here, on first start; the private half never leaves this container's file system. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface KeyPair {
  /** Base64, as WireGuard writes keys. */
  privateKey: string;
  publicKey: string;
}

function base64(key: KeyObject, part: 'd' | 'x'): string {
  return Buffer.from(key.export({ format: 'jwk' })[part] ?? '', 'base64url').toString('base64');
}

/** PKCS#8 prefix of a raw X25519 private key (RFC 8410 section 7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');

export function publicKeyOf(privateKey: string): string {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, Buffer.from(privateKey, 'base64')]), format: 'der', type: 'pkcs8' });
  return base64(createPublicKey(key), 'x');
}

export function generateKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return { privateKey: base64(privateKey, 'd'), publicKey: base64(publicKey, 'x') };
}

export async function loadOrMakeKeyPair(path: string): Promise<KeyPair> {
  const stored = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (stored !== '') return { privateKey: stored, publicKey: publicKeyOf(stored) };
  const made = generateKeyPair();
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, `${made.privateKey}\n`, { mode: 0o600 });
  return made;
}
