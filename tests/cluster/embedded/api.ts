import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { parse } from 'yaml';

const answerLimitMs = 3_000;

/** Reads objects from a cluster with the certificate in a kubeconfig that `make-pki` wrote. */
export class Api {
  readonly #server: string;
  readonly #tls: { ca: Buffer; cert: Buffer; key: Buffer };

  private constructor(server: string, tls: { ca: Buffer; cert: Buffer; key: Buffer }) {
    this.#server = server;
    this.#tls = tls;
  }

  static async from(kubeconfigPath: string): Promise<Api> {
    interface Kubeconfig {
      clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
      users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
    }
    const config = parse(await readFile(kubeconfigPath, 'utf8')) as Kubeconfig;
    const [{ cluster }] = config.clusters;
    const [{ user }] = config.users;
    const decode = (text: string): Buffer => Buffer.from(text, 'base64');
    return new Api(cluster.server, {
      ca: decode(cluster['certificate-authority-data']), cert: decode(user['client-certificate-data']), key: decode(user['client-key-data']),
    });
  }

  /** The answer's JSON; undefined when there is no answer or it is not a success. */
  get<T>(path: string): Promise<T | undefined> {
    return new Promise((resolve) => {
      const call = request(new URL(path, this.#server), { ...this.#tls, timeout: answerLimitMs }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => resolve(undefined));
        response.on('end', () => {
          try {
            resolve(response.statusCode === 200 ? JSON.parse(Buffer.concat(chunks).toString()) as T : undefined);
          } catch {
            resolve(undefined);
          }
        });
      });
      call.on('timeout', () => call.destroy(new Error('no answer in time')));
      call.on('error', () => resolve(undefined));
      call.end();
    });
  }
}
