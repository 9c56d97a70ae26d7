/** Gives cargo a new token before the old one expires. There is no daemon: every command that speaks with cargo does it, and a foreground run from time to time. */
import type { LinkStatus } from '../../protocol/control.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { timing } from '../timing.ts';
import { openRunningControl, type Control } from './control-client.ts';
import { cargoName, networkName } from './link-name.ts';
import { findRelay, isStale } from './relay-access.ts';

export interface Renewal {
  docker: Docker;
  cluster: Cluster;
  link: string;
  /** What cargo has just said, if it was asked already. */
  status?: Pick<LinkStatus, 'relay'>;
}

/** True when there was something to renew. */
export async function renewRelay({ docker, cluster, link, status }: Renewal, control: Pick<Control, 'call'>, now = Date.now()): Promise<boolean> {
  const { relay } = status ?? await control.call('status', {});
  // A link that was made without (by an older user role, by --transport udp) stays without.
  if (relay === null || relay === undefined || !isStale(relay, now)) return false;
  const { access, networks } = await findRelay({ docker, cluster, ownNetwork: networkName(link) });
  const name = cargoName(link);
  for (const network of networks) await docker.networks.connect(network, name);
  await control.call('relay', access);
  return true;
}

/** For commands that have nothing to say to cargo themselves. Whatever fails is for the next command: renewing is never in the way. */
export async function renewRelayOf(renewal: Renewal): Promise<void> {
  try {
    const control = (await openRunningControl(renewal.docker, renewal.link))?.control;
    if (control === undefined) return;
    try {
      await renewRelay(renewal, control);
    } finally {
      control.close();
    }
  } catch { /* the next one */ }
}

/** For a command that stays: looks regularly until the signal. */
export function keepRenewed(renewal: Renewal, control: Pick<Control, 'call'>, signal: AbortSignal): void {
  const timer = setInterval(() => void renewRelay(renewal, control).catch(() => undefined), timing.relayRenewalCheckMs);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
