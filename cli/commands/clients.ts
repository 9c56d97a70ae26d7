import type { Command, CommandContext, CommandResult } from '../command.ts';
import { BridgeError } from '../errors.ts';
import { clusterChoice, text } from './choices.ts';
import { durationMs } from './ttl.ts';

const actions = ['list', 'invite', 'revoke'] as const;
/** The API server gives no token for less. */
const leastExpiryMs = 600_000;

function expiryMs(given: string): number {
  const ms = durationMs('expires', given);
  if (ms >= leastExpiryMs) return ms;
  throw new BridgeError({ kind: 'usage', code: 'usage', what: `--expires ${given} is too short`, why: 'tokens of Kubernetes are good for at least 10 minutes', next: '--expires 30d' });
}

async function inviteSomebody(context: CommandContext, name: string): Promise<CommandResult> {
  const { host, reporter } = context;
  const file = text(context, 'out');
  if (file === undefined) throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no file for the invitation was named', why: 'it holds a secret, so it is not printed', next: `bridge clients invite ${name} --out ${name}.yaml` });
  const [{ connectCluster }, { invite, checkGuestName }, { open, unlink }, paths] = await Promise.all([import('../adapters/cluster/index.ts'), import('../clients/invite.ts'), import('node:fs/promises'), import('node:path')]);
  checkGuestName(name);
  const askedMs = expiryMs(text(context, 'expires') ?? '30d');
  const cluster = await connectCluster(host, clusterChoice(context));
  try {
    const namespaces = [...new Set((text(context, 'namespace') ?? cluster.context.namespace).split(',').filter((each) => each !== ''))];
    const path = paths.resolve(host.cwd, file);
    // Made first, so that nothing is granted that cannot be handed over; and never over something else.
    const target = await open(path, 'wx', 0o600).catch((error: unknown) => {
      throw new BridgeError({ kind: 'usage', code: 'invite-unwritable', what: `${path} cannot be written`, why: (error as { code?: string }).code === 'EEXIST' ? 'it is there already' : String(error), next: '--out ANOTHER_FILE' });
    });
    try {
      const invitation = await invite(cluster, { name, namespaces, seconds: Math.floor(askedMs / 1000) });
      await target.writeFile(invitation.text);
      if (Date.parse(invitation.expiresAt) - Date.now() < askedMs * 0.9) reporter.emit({ type: 'warning', code: 'invite-shorter', text: `the cluster gives tokens for a shorter time: this one ends ${invitation.expiresAt}`, next: `bridge clients revoke ${name}, and invite again then`, at: host.now() });
      return {
        data: { guest: name, user: invitation.user, namespaces, expiresAt: invitation.expiresAt, file: path },
        text: `${name} may use podbridge in ${namespaces.join(', ')} until ${invitation.expiresAt}.\nWritten: ${path}. It is as good as a password: hand it over safely. It is used with: bridge up --invite FILE`,
      };
    } catch (error) {
      await unlink(path);
      throw error;
    } finally {
      await target.close();
    }
  } finally {
    cluster.close();
  }
}

export const command: Command = {
  name: 'clients',
  summary: 'See who has a link, invite people without credentials, and end links of others',
  description: `list shows links: whose they are, since when, when they were heard last, their bridges and bytes through the tunnel. invite makes a
ServiceAccount with the user role in the namespaces of -n (several with commas), and writes a kubeconfig with a token that expires; needs the
rights of a cluster administrator. revoke takes all of that away from a guest, or ends one link.`,
  arguments: [{ name: 'action', description: 'list, invite or revoke', required: true, choices: actions }, { name: 'name', description: 'invite: of the guest; revoke: of a guest or a link' }],
  options: [
    { name: 'out', description: 'invite: file for the invitation; nothing is written over', value: { placeholder: 'FILE' } },
    { name: 'expires', description: 'invite: how long it is good: 12h, 30d', value: { placeholder: 'TIME' }, default: '30d' },
  ],
  examples: [
    { command: 'bridge clients list', explains: 'who has a link' },
    { command: 'bridge clients invite ann -n shop,billing --expires 14d --out ann.yaml', explains: 'ann then says: bridge up --invite ann.yaml' },
    { command: 'bridge clients revoke ann', explains: 'her token, rights, links and bridges end' },
  ],
  async run(context) {
    const [action, name] = context.args;
    if (!actions.some((each) => each === action) || (action === 'list') !== (name === undefined)) {
      throw new BridgeError({ kind: 'usage', code: 'usage', what: `bridge clients ${context.args.join(' ')} is not understood`, why: 'it is list, invite NAME or revoke NAME', next: 'bridge clients --help' });
    }
    if (action === 'invite') return inviteSomebody(context, name!);
    const { connectCluster } = await import('../adapters/cluster/index.ts');
    const cluster = await connectCluster(context.host, clusterChoice(context));
    try {
      if (action === 'list') {
        const { clientsText, listClients } = await import('../clients/list.ts');
        const clients = await listClients(cluster);
        return { data: { clients }, text: clientsText(clients, Date.now()) };
      }
      const { revoke } = await import('../clients/invite.ts');
      const revoked = await revoke(cluster, name!);
      return { data: revoked, text: `${revoked.guest === null ? '' : `${name} may not use podbridge any more. `}${revoked.clients.length === 0 ? 'No link had to end.' : `Ended: ${revoked.clients.join(', ')}.`}` };
    } finally {
      cluster.close();
    }
  },
};
