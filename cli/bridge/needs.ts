/** What running a container needs of the other parts; cli/link and cli/install give it. */
import type { ControlMethod, ControlMethods } from '../../protocol/control.ts';
import type { Transport } from '../../protocol/objects.ts';

/** Outlives cargo's restarts: what it held, it holds again. */
export interface Control {
  /** Throws BridgeError. */
  call<M extends ControlMethod>(method: M, params: ControlMethods[M]['params']): Promise<ControlMethods[M]['result']>;
  /** The end of the connection; a lifeline that was not released then counts as broken. */
  close(): void;
}

export interface UsableLink {
  /** Name of the Client object. */
  client: string;
  /** User name as the API server knows it. */
  owner: string;
  /** The Docker network of the link. */
  network: string;
  /** Cargo's address there: gateway and DNS of the containers. */
  gateway: string;
  /** The cluster's DNS domain. */
  domain: string;
  transport: Transport;
  control: Control;
}
