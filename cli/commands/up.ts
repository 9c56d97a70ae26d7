import { resolve } from 'node:path';
import type { Command } from '../command.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import type { TransportChoice } from '../link/transport.ts';
import { clusterChoice, flag, text } from './choices.ts';
import { ttlOf } from './ttl.ts';

/** What is wrong with a kubeconfig, said of an invitation: nobody who was given one knows what a context is. */
function asInvitation(error: unknown, file: string): unknown {
  if (!isBridgeError(error) || !['kubeconfig-missing', 'kubeconfig-invalid', 'context-missing', 'context-unset'].includes(error.facts.code)) return error;
  const { what, why } = error.facts;
  return new BridgeError({
    kind: 'usage', code: 'invite-unreadable', what: `${file} is no invitation that can be used`, why: why === undefined ? what : `${what}: ${why}`, next: 'bridge up --invite FILE, with the whole file that bridge clients invite has written', cause: error,
  });
}

export const command: Command = {
  name: 'up',
  summary: 'Connect this machine\'s Docker to the cluster',
  description: 'Makes the link: one container that is the gateway of one Docker network. `bridge run` does this by itself; here it is done ahead, or with another transport. Safe to repeat.',
  examples: [
    { command: 'bridge up', explains: 'to the cluster of the current context' },
    { command: 'bridge up --context staging', explains: 'a second link beside it' },
    { command: 'bridge up --transport udp', explains: 'by the nodes\' addresses, even if the cluster runs in this Docker' },
    { command: 'bridge up --invite ann.yaml', explains: 'with an invitation instead of credentials of your own' },
    { command: 'bridge up --transport api', explains: 'over the API server, and no other way: for networks that let nothing else through' },
  ],
  options: [
    { name: 'invite', description: 'file of an invitation (bridge clients invite): a kubeconfig that says who you are', value: { placeholder: 'FILE' } },
    { name: 'transport', description: 'how the tunnel reaches the cluster', value: { placeholder: 'WAY', choices: ['auto', 'docker', 'udp', 'api'] }, default: 'auto', env: 'PODBRIDGE_TRANSPORT' },
    { name: 'ttl', description: 'how long the link may be silent before the cluster removes its bridges (12h if never given)', value: { placeholder: 'DURATION' }, env: 'PODBRIDGE_TTL' },
  ],
  async run(context) {
    const [{ connectCluster }, { connectDocker }, { openLink }, { Steps }, { upAnswer }, { interruptible }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../link/open-link.ts'), import('../steps/steps.ts'), import('../link/answer.ts'), import('../bridge/interrupts.ts'),
    ]);
    const { host, reporter } = context;
    const invitation = text(context, 'invite');
    const [cluster, docker] = await Promise.all([invitation === undefined ? connectCluster(host, clusterChoice(context)) : connectCluster(host, { kubeconfig: invitation }).catch((error: unknown) => { throw asInvitation(error, invitation); }), connectDocker(host)]);
    const steps = new Steps(reporter, () => host.now());
    const startedAt = host.now();
    try {
      const link = await interruptible(host, steps, () => openLink({ docker, cluster, steps, host, reporter, yes: flag(context, 'yes'), transport: (text(context, 'transport') ?? 'auto') as TransportChoice, ...ttlOf(context) }));
      link.control.close();
      // There is no memory between commands but the kubeconfig.
      if (invitation !== undefined) reporter.emit({ type: 'note', text: `Further commands take the invitation with --kubeconfig ${invitation}, or: export PODBRIDGE_KUBECONFIG=${resolve(host.cwd, invitation)}`, at: host.now() });
      return upAnswer(link, cluster.context.name, Math.round(host.now() - startedAt));
    } finally {
      cluster.close();
    }
  },
};
