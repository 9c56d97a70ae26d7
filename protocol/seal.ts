/**
 * A message that only the holder of one WireGuard key can read: the agent seals identities for the client's public key, so
 * that neither the way there nor whoever may reach the agent's port matters.
 * Ephemeral X25519 (RFC 7748), HKDF-SHA256 (RFC 5869), AES-256-GCM.
 */
import { createCipheriv, createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';

export interface SealedMessage {
  v: 1;
  /** Ephemeral public key, nonce, ciphertext with tag: each base64. */
  key: string;
  nonce: string;
  box: string;
}

const context = 'podbridge sealed message v1';
const tagBytes = 16;

function publicKeyObject(base64: string): KeyObject {
  const raw = Buffer.from(base64, 'base64');
  if (raw.length !== 32) throw new RangeError('a WireGuard key has 32 bytes');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: raw.toString('base64url') }, format: 'jwk' });
}

function privateKeyObject(base64: string): KeyObject {
  const raw = Buffer.from(base64, 'base64');
  if (raw.length !== 32) throw new RangeError('a WireGuard key has 32 bytes');
  // PKCS#8 wrapping of a raw X25519 key (RFC 8410 section 7): Node's JWK import would want the public half too.
  const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
  return createPrivateKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'pkcs8' });
}

function rawPublic(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}

function messageKey(shared: Buffer, ephemeral: Buffer, recipient: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', shared, Buffer.concat([ephemeral, recipient]), context, 32));
}

/** @param recipientPublicKey WireGuard public key, base64. Throws RangeError when it is none. */
export function seal(recipientPublicKey: string, plaintext: Buffer): SealedMessage {
  const recipient = publicKeyObject(recipientPublicKey);
  const ephemeral = generateKeyPairSync('x25519');
  const ephemeralRaw = rawPublic(ephemeral.publicKey);
  const key = messageKey(diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient }), ephemeralRaw, rawPublic(recipient));
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const box = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return { v: 1, key: ephemeralRaw.toString('base64'), nonce: nonce.toString('base64'), box: box.toString('base64') };
}

/** @param privateKey WireGuard private key, base64. Throws when the message was not sealed for it or was altered. */
export function open(privateKey: string, message: SealedMessage): Buffer {
  const own = privateKeyObject(privateKey);
  const ephemeral = publicKeyObject(message.key);
  const ownPublic = rawPublic(createPublicKey(own));
  const key = messageKey(diffieHellman({ privateKey: own, publicKey: ephemeral }), rawPublic(ephemeral), ownPublic);
  const box = Buffer.from(message.box, 'base64');
  // A shorter tag would be easier to guess, and is accepted unless the length is named.
  if (box.length < tagBytes) throw new RangeError('a sealed message ends with a tag of 16 bytes');
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(message.nonce, 'base64'), { authTagLength: tagBytes });
  decipher.setAuthTag(box.subarray(box.length - tagBytes));
  return Buffer.concat([decipher.update(box.subarray(0, box.length - tagBytes)), decipher.final()]);
}
