/** What happens to the requests of a bridge, beyond the question which of them are its own. Part of a bridge's spec. */

export interface Traffic {
  /**
   * Who answers while the container does not: the original (default), or nobody, so that nothing is mistaken for the container's
   * answer. `fail` begins with the first time that the container accepts connections, and ends with the bridge.
   */
  fallback?: Fallback;
  /** When does the container count as able to answer? Absent: when its port accepts connections. */
  check?: HttpCheck;
  /**
   * Where TLS connections are opened, so that rules apply to what is in them: with the certificate that the pod itself has. Absent:
   * TLS is passed on as it is, and no rule applies to it.
   */
  tls?: PodCertificate;
  /** What came by TLS goes to the container without. Default: by TLS again. */
  plaintext?: boolean;
  /** The container learns the client's address from a PROXY protocol header (version 2) before all else. */
  proxyProtocol?: boolean;
  /**
   * steal (default): the container answers instead of the original. mirror: the original answers, the container gets a copy.
   * tap: nothing goes anywhere else, the client is only told of the requests.
   */
  mode?: Mode;
  /**
   * The original's processes stand still while the container serves (its ports accept connections; without TCP ports while the link is
   * up), and probes are answered for them. Without rules only: what no rule takes would need the original.
   */
  freeze?: boolean;
  /** Mode mirror: the client is told where the container's answers differ from the original's. */
  diff?: boolean;
  /** Mode tap: headers too. */
  tapHeaders?: boolean;
  /** Every request of the bridge waits for so long before anything else. Needs rules. */
  delayMs?: number;
  /** So many of its requests in a hundred are not sent anywhere but answered with this status. Needs rules. */
  fault?: Fault;
}

export type Mode = 'steal' | 'mirror' | 'tap';

/** What it means for the requests: stands before them in words. */
export const modeWords: Readonly<Record<Mode, string>> = { steal: '', mirror: 'copies of ', tap: 'only told of ' };

export interface Fault {
  percent: number;
  /** 400 to 599; default 503. */
  status?: number;
}

export const mostDelayMs = 600_000;

/** Requests must be understood to be treated so, whether or not rules choose among them. */
export function looksInside({ rules, tls, mode }: Traffic & { rules?: readonly unknown[] }): boolean {
  return (rules ?? []).length > 0 || tls !== undefined || (mode !== undefined && mode !== 'steal');
}

/** Absolute paths of PEM files in the target's container. The agent reads them there, for each pod its own. */
export interface PodCertificate {
  /** The certificate with its chain. */
  cert: string;
  /** The private key; absent: it stands in the same file. */
  key?: string;
}

/** An absolute path that can stand in one line. */
export const certificatePathPattern = /^\/[^\u0000-\u001f\u007f]{1,1023}$/;

export type Fallback = 'original' | 'fail';

/** The container must answer GET with a status from 200 to 399. Decides for all TCP ports of the bridge. */
export interface HttpCheck {
  path: string;
  /** Port of the pod, as in the bridge's ports; absent: the bridge's first TCP port. */
  port?: number;
  /** Asked by HTTPS; the container's certificate may be any. */
  tls?: boolean;
}

/** A path that can stand in a request line as it is (RFC 9112, 3.2.1). */
export const checkPathPattern = /^\/[!-~]{0,255}$/;
