/** The hub's private key: a Secret that the hub makes when it is missing, so that the key survives pods and no human handles it. */
import { createPublicKey, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { labels, managedBy, names, systemNamespace } from '../../../protocol/names.ts';
import { isAlreadyExists, isNotFound, resources, type Kube, type KubeObject } from '../kube/index.ts';

interface Secret extends KubeObject {
  type?: string;
  data?: Record<string, string>;
}

export interface KeyPair {
  /** Base64, as `wg` takes them. */
  privateKey: string;
  publicKey: string;
}

export async function loadOrMakeKey(kube: Kube): Promise<KeyPair> {
  const ref = { namespace: systemNamespace, name: names.hubKeySecret };
  try {
    return fromSecret(await kube.get<Secret>(resources.secrets, ref));
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const { privateKey } = generateKeyPairSync('x25519');
  const raw = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url').toString('base64');
  try {
    return fromSecret(await kube.create<Secret>(resources.secrets, {
      metadata: { ...ref, labels: { [labels.managedBy]: managedBy, [labels.component]: 'hub' } },
      type: 'Opaque',
      // A Secret's data is base64 of the value, and the value is base64 already.
      data: { [names.hubKeySecretField]: Buffer.from(raw).toString('base64') },
    }));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return fromSecret(await kube.get<Secret>(resources.secrets, ref));
  }
}

function fromSecret(secret: Secret): KeyPair {
  const privateKey = Buffer.from(secret.data?.[names.hubKeySecretField] ?? '', 'base64').toString('utf8').trim();
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** @throws Error when it is no WireGuard private key. */
export function publicKeyOf(privateKey: string): string {
  const raw = Buffer.from(privateKey, 'base64');
  if (raw.length !== 32) throw new Error(`Secret ${names.hubKeySecret} holds no WireGuard key in ${names.hubKeySecretField}: delete the Secret, and the hub makes a new one`);
  // PKCS#8 wrapping of a raw X25519 key (RFC 8410 section 7).
  const key = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), raw]), format: 'der', type: 'pkcs8' });
  return Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
}
