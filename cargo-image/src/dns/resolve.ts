/**
 * Who answers a query. The cluster is asked first, for every name, because it may know more than its own domain; the host's
 * resolver when the cluster fails or refuses. A cluster DNS that has no way to public names needs seconds to say so, so the
 * host is asked as well when the cluster is slow, and at once while that is known. Names of the cluster's own domain never
 * leave it. dnsmasq cannot do this: in strict order it asks the second server only when the first has failed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { noSuchName, questionName, rcode, rcodes, serverFailure } from './message.ts';

/** A healthy cluster DNS answers within a few milliseconds over the link, within some tens for names that it has to ask for. */
export const slowClusterMs = 150;
/** How long "no such name" from the host waits for a better answer from a silent cluster. */
export const clusterPatienceMs = 1500;
/** How long a cluster that failed for a public name is asked together with the host. */
export const failureMemoryMs = 30_000;

export type Upstream = 'cluster' | 'host';
/** Rejects when there is no answer in time. */
export type Ask = (upstream: Upstream, query: Buffer) => Promise<Buffer>;

export interface Resolver {
  resolve(query: Buffer, ask: Ask): Promise<Buffer>;
}

export interface ResolverOptions {
  domain: string;
  nowMs?: () => number;
  wait?: (delayMs: number) => Promise<unknown>;
}

type Outcome = { from: Upstream; answer: Buffer | undefined };

/**
 * Services of Compose projects search the names of their networks first (`web.shop_default`), and Docker asks here for what is not in them. No
 * domain has an underscore at its end (RFC 1123 section 2.1), so nobody need be asked for such names, nor hear of them.
 */
function inDockerNetwork(name: string): boolean {
  return name.slice(name.lastIndexOf('.') + 1).includes('_');
}

const conclusive = (answer: Buffer): boolean => rcode(answer) === rcodes.noError || rcode(answer) === rcodes.nameError;

export function createResolver({ domain, nowMs = () => performance.now(), wait = (delayMs) => sleep(delayMs, undefined, { ref: false }) }: ResolverOptions): Resolver {
  const zone = domain.replace(/\.$/, '').toLowerCase();
  let clusterFailedAtMs = -Infinity;

  async function clusterOnly(query: Buffer, ask: Ask): Promise<Buffer> {
    return ask('cluster', query).catch(() => serverFailure(query));
  }

  async function both(query: Buffer, ask: Ask): Promise<Buffer> {
    const outcome = (from: Upstream): Promise<Outcome> => ask(from, query).then((answer) => ({ from, answer }), () => ({ from, answer: undefined }));
    const cluster = outcome('cluster').then((result) => {
      clusterFailedAtMs = result.answer !== undefined && conclusive(result.answer) ? -Infinity : nowMs();
      return result;
    });
    if (nowMs() - clusterFailedAtMs > failureMemoryMs) {
      const early = await Promise.race([cluster, wait(slowClusterMs)]) as Outcome | undefined;
      if (early?.answer !== undefined && conclusive(early.answer)) return early.answer;
    }
    const host = outcome('host');
    const first = await Promise.race([cluster, host]);
    if (first.answer !== undefined && (first.from === 'cluster' ? conclusive(first.answer) : rcode(first.answer) === rcodes.noError)) return first.answer;
    const clusterInTime = await Promise.race([cluster, host.then(() => wait(clusterPatienceMs))]) as Outcome | undefined;
    if (clusterInTime?.answer !== undefined && conclusive(clusterInTime.answer)) return clusterInTime.answer;
    return (await host).answer ?? clusterInTime?.answer ?? serverFailure(query);
  }

  return {
    resolve(query, ask) {
      const name = questionName(query);
      if (name !== undefined && (name === zone || name.endsWith(`.${zone}`))) return clusterOnly(query, ask);
      return name !== undefined && inDockerNetwork(name) ? Promise.resolve(noSuchName(query)) : both(query, ask);
    },
  };
}
