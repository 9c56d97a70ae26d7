import type { Command, CommandContext, CommandResult } from '../command.ts';
import { BridgeError } from '../errors.ts';
import type { Cluster } from '../adapters/cluster/index.ts';
import { clusterChoice, flag, text } from './choices.ts';
import { durationMs } from './ttl.ts';

const actions = ['create', 'list', 'delete'] as const;
/** A month: a link that is needed for longer is no preview. */
const mostTtlMs = 31 * 24 * 3_600_000;
const leastPassword = 6;

async function passwordOf(context: CommandContext): Promise<{ password?: string; made: boolean }> {
  if (!flag(context, 'passwordStdin')) {
    if (!flag(context, 'password')) return { made: false };
    const { randomBytes } = await import('node:crypto');
    return { password: randomBytes(9).toString('base64url'), made: true };
  }
  let given = '';
  for await (const chunk of context.host.stdin) given += String(chunk);
  const password = given.replace(/\r?\n$/, '');
  if (password.length < leastPassword || /[\r\n]/.test(password)) throw new BridgeError({ kind: 'usage', code: 'password-unusable', what: 'the password on stdin cannot be used', why: `it is one line of at least ${leastPassword} characters`, next: 'bridge preview create ... --password  (makes one up)' });
  return { password, made: false };
}

async function create(context: CommandContext, cluster: Cluster, namespace: string): Promise<CommandResult> {
  const { host, reporter } = context;
  const [{ findEntry }, { gatewayUrl }, { chooseBridge, makePreview }, { findInstalled }, { findClient }, { defaultExposure }, { Steps }, { untilGateway }, { previewPath }] = await Promise.all([
    import('../preview/entry.ts'), import('../preview/where.ts'), import('../preview/previews.ts'), import('../install/version.ts'), import('../link/client-object.ts'), import('../install/manifests/preview.ts'),
    import('../steps/steps.ts'), import('../preview/until-gateway.ts'), import('../../protocol/preview.ts'),
  ]);
  const given = text(context, 'entry');
  if (given === undefined) throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no entry was named', why: 'a preview begins at a Service or an Ingress', next: 'bridge preview create --entry svc/NAME:PORT' });
  const [ttlMs, name, hostHeader] = [durationMs('ttl', text(context, 'ttl') ?? '2h'), text(context, 'name'), text(context, 'host')];
  if (ttlMs > mostTtlMs) throw new BridgeError({ kind: 'usage', code: 'usage', what: `--ttl ${text(context, 'ttl')} is longer than 31 days`, next: '--ttl 48h' });
  if (name !== undefined && !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) throw new BridgeError({ kind: 'usage', code: 'usage', what: `--name ${name} is no name of a preview`, why: 'it is lower-case letters, digits and hyphens', next: '--name basket' });
  if (hostHeader !== undefined && !/^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$/.test(hostHeader)) throw new BridgeError({ kind: 'usage', code: 'usage', what: `--host ${hostHeader} is no host`, next: '--host shop.example.com' });
  const { password, made } = await passwordOf(context);
  const [bridge, entry, installed] = await Promise.all([chooseBridge(cluster, namespace, text(context, 'bridge'), 'a preview shows what a bridge takes'), findEntry(cluster, namespace, given), findInstalled(cluster)]);
  const client = await findClient(cluster, bridge.spec.client);
  const exposure = installed?.preview ?? defaultExposure;
  // Before anything is made: a link that nobody can open is none.
  const base = await gatewayUrl(cluster, exposure, client);
  const { preview, secret } = await makePreview(cluster, bridge, { entry, ttlMs, ...(name === undefined ? {} : { name }), ...(hostHeader === undefined ? {} : { host: hostHeader }), ...(password === undefined ? {} : { password }) }, Date.now());
  await untilGateway(cluster, new Steps(reporter, () => host.now()));
  const url = `${base}${previewPath}${secret}`;
  const notes = [
    `Preview ${preview.name} of bridge ${bridge.metadata.name}, entry ${preview.entry}, until ${preview.expiresAt} or the end of the bridge.`,
    ...(exposure.way === 'link' && exposure.url === undefined ? ['It can be opened in containers of a link only: the cluster shows previews to nobody else.'] : []),
  ];
  for (const note of notes) reporter.emit({ type: 'note', text: note, at: host.now() });
  return { data: { name: preview.name, url, namespace, bridge: bridge.metadata.name, entry: preview.entry, expiresAt: preview.expiresAt, ...(preview.host === undefined ? {} : { host: preview.host }), ...(made ? { password } : {}) }, text: made ? `${url}\nPassword: ${password}` : url };
}

async function list(context: CommandContext, cluster: Cluster, namespace: string): Promise<CommandResult> {
  const [{ listPreviews }, { table }] = await Promise.all([import('../preview/previews.ts'), import('../ui/table.ts')]);
  const { previews, unserved } = await listPreviews(cluster, flag(context, 'allNamespaces') ? undefined : namespace, Date.now());
  for (const { namespace: place, bridge, message } of unserved) context.reporter.emit({ type: 'note', text: `Bridge ${place}/${bridge}: ${message}`, at: context.host.now() });
  const rows = previews.map(({ namespace: place, name, bridge, entry, host = '', expiresAt, expired, password, owner }) => [place, name, bridge, entry, host, expired ? 'expired' : expiresAt, password ? 'yes' : 'no', owner]);
  return { data: { previews, unserved }, text: rows.length === 0 ? `There are no previews${flag(context, 'allNamespaces') ? '' : ` in namespace ${namespace}`}.` : table(['NAMESPACE', 'NAME', 'BRIDGE', 'ENTRY', 'HOST', 'UNTIL', 'PASSWORD', 'OWNER'], rows) };
}

export const command: Command = {
  name: 'preview',
  summary: 'Give others a link that shows the system with a bridge',
  description: `create prints a URL of the gateway in the cluster: whoever opens it sees the entry (a Service, or what is behind an Ingress) with the
bridge's mark on every request. The link holds a secret, which the first visit turns into a cookie, and ends with its time or
its bridge. list shows previews, without their secrets; delete ends one.`,
  arguments: [{ name: 'action', description: 'create, list or delete', required: true, choices: actions }, { name: 'name', description: 'delete: the preview' }],
  examples: [
    { command: 'bridge preview create --entry svc/web:80 -n shop', explains: 'of your only bridge there' },
    { command: 'bridge preview create --bridge api-ann --entry ingress/shop --ttl 8h --password', explains: 'with the Ingress\'s host and paths, and a password' },
    { command: 'bridge preview list -A', explains: 'all that there are' },
    { command: 'bridge preview delete web-3f2a', explains: 'the link says from now on that it has ended' },
  ],
  options: [
    { name: 'bridge', description: 'whose rule it satisfies (default: your only one in the namespace)', value: { placeholder: 'NAME' } },
    { name: 'entry', description: 'where it begins: svc/NAME:PORT or ingress/NAME', value: { placeholder: 'ENTRY' } },
    { name: 'ttl', description: 'how long it is good, at most 31 days (31d)', value: { placeholder: 'DURATION' }, default: '2h' },
    { name: 'host', description: 'Host header for the entry (default: the Ingress\'s, or the link\'s own)', value: { placeholder: 'HOST' } },
    { name: 'name', description: 'name of the preview', value: { placeholder: 'NAME' } },
    { name: 'password', description: 'make up a password that visitors are asked for; printed below the link' },
    { name: 'password-stdin', description: 'read that password from stdin' },
    { name: 'all-namespaces', short: 'A', description: 'list: of all namespaces' },
  ],
  async run(context) {
    const [action, name, ...more] = context.args;
    const { connectCluster } = await import('../adapters/cluster/index.ts');
    if (!actions.some((each) => each === action) || more.length > 0 || (action !== 'delete' && name !== undefined)) {
      throw new BridgeError({ kind: 'usage', code: 'usage', what: `bridge preview ${context.args.join(' ')} is not understood`, why: `the actions are ${actions.join(', ')}`, next: 'bridge preview --help' });
    }
    const cluster = await connectCluster(context.host, clusterChoice(context));
    try {
      const namespace = text(context, 'namespace') ?? cluster.context.namespace;
      if (action === 'create') return await create(context, cluster, namespace);
      if (action === 'list') return await list(context, cluster, namespace);
      if (name === undefined) throw new BridgeError({ kind: 'usage', code: 'usage', what: 'no preview was named', next: 'bridge preview list' });
      const { deletePreview } = await import('../preview/previews.ts');
      const { bridge } = await deletePreview(cluster, namespace, name);
      return { data: { deleted: { namespace, name, bridge } }, text: name };
    } finally {
      cluster.close();
    }
  },
};
