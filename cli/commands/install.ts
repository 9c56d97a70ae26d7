import type { Command, CommandContext, CommandResult } from '../command.ts';
import { BridgeError } from '../errors.ts';
import type { Delivery } from '../image/deliver.ts';
import type { PreviewExposure } from '../install/manifests/preview.ts';
import type { InstallPolicy } from '../install/policy.ts';
import { clusterChoice, flag, text } from './choices.ts';

function deliveryOf(context: CommandContext): Delivery {
  const [registry, prefix] = [text(context, 'registry'), text(context, 'imagePrefix')];
  if (registry !== undefined && prefix !== undefined) {
    throw new BridgeError({ kind: 'usage', code: 'usage', what: '--registry and --image-prefix exclude each other', why: 'the one pushes the image, the other says that it is there already', next: 'bridge install --help' });
  }
  for (const [option, value] of [['--registry', registry], ['--image-prefix', prefix]] as const) {
    if (value !== undefined && !/^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)*\/?$/i.test(value)) {
      throw new BridgeError({ kind: 'usage', code: 'usage', what: `${option} ${value} is not a registry's host and path`, why: 'it is the beginning of an image reference: ghcr.io/acme', next: 'bridge install --help' });
    }
  }
  if (registry !== undefined) return { kind: 'push', prefix: registry };
  return prefix === undefined ? { kind: 'local' } : { kind: 'reference', prefix };
}

const previewNext = '--preview link, node-port, load-balancer, ingress[:CLASS] or gateway:NAMESPACE/NAME';

/** `ingress:nginx`, `gateway:infra/public`, `link`. */
function previewOf(context: CommandContext): PreviewExposure | undefined {
  const [given, url] = [text(context, 'preview'), text(context, 'previewUrl')];
  const fail = (what: string, why: string): BridgeError => new BridgeError({ kind: 'usage', code: 'preview-exposure', what, why, next: previewNext });
  if (given === undefined) {
    if (url !== undefined) throw fail('--preview-url says where a preview is found, but not how', 'it goes with --preview');
    return undefined;
  }
  const [word = '', ...rest] = given.split(':');
  const name = rest.join(':');
  const way = (['link', 'node-port', 'load-balancer', 'ingress', 'gateway'] as const).find((each) => each === word);
  if (way === undefined || (name !== '' && way !== 'ingress' && way !== 'gateway')) throw fail(`--preview ${given} is no way to the preview gateway`, 'there are five');
  if (way === 'gateway' && !/^[a-z0-9-]+\/[a-z0-9.-]+$/.test(name)) throw fail(`--preview ${given} names no Gateway`, 'an HTTPRoute is attached to a Gateway by its namespace and name');
  if (url !== undefined && !/^https?:\/\/[A-Za-z0-9.-]+(:\d+)?\/?$/.test(url)) throw fail(`--preview-url ${url} is no address of a host`, 'the gateway has the whole host: https://preview.example.com');
  if (url === undefined && (way === 'ingress' || way === 'gateway')) throw fail(`--preview ${given} needs the host that it is for`, 'give --preview-url https://preview.example.com');
  return { way, ...(name === '' ? {} : { name }), ...(url === undefined ? {} : { url: url.replace(/\/$/, '') }) };
}

/** In words; the file is read here, so that bad input is told before anything is asked. */
async function policyOf(context: CommandContext): Promise<InstallPolicy | undefined> {
  const given = text(context, 'policy');
  if (given === undefined) return undefined;
  const { readPolicy } = await import('../install/read-policy.ts');
  return readPolicy(given, context.host.cwd);
}

async function dryRun(delivery: Delivery, preview: PreviewExposure | undefined, policy: InstallPolicy | undefined): Promise<CommandResult> {
  const [{ manifests }, { stowawayReference }, { version }, { formatDocuments }] = await Promise.all([
    import('../install/manifests/index.ts'), import('../image/deliver.ts'), import('../version.ts'), import('../answer.ts'),
  ]);
  const documents = manifests({ version, stowawayImage: await stowawayReference(delivery), ...(preview === undefined ? {} : { preview }), ...(policy === undefined ? {} : { policy }) });
  return { data: { apiVersion: 'v1', kind: 'List', items: documents }, documents, text: await formatDocuments(documents) };
}

export const command: Command = {
  name: 'install',
  summary: 'Install or upgrade the cluster side',
  description: 'Applies namespace bridge-system, two custom resources, admission policies, roles, hub and controller. No workload of yours is touched. Safe to repeat.',
  examples: [
    { command: 'bridge install', explains: 'into the current context; with kind, k3d or minikube in Docker the image is copied into the nodes' },
    { command: 'bridge install --registry ghcr.io/acme', explains: 'builds the image and pushes it where the cluster can pull it' },
    { command: 'bridge install --dry-run -o yaml | kubectl apply -f -', explains: 'shows, or lets another tool apply, everything that would be installed' },
  ],
  options: [
    { name: 'registry', description: 'build the image and push it below this registry path', value: { placeholder: 'HOST/PATH' }, env: 'PODBRIDGE_REGISTRY' },
    { name: 'image-prefix', description: 'the image is at this registry path already', value: { placeholder: 'HOST/PATH' }, env: 'PODBRIDGE_IMAGE_PREFIX' },
    { name: 'preview', description: 'how browsers reach preview links: link (only containers), node-port, load-balancer, ingress[:CLASS], gateway:NAMESPACE/NAME (default: as it was, or node-port)', value: { placeholder: 'HOW' }, env: 'PODBRIDGE_PREVIEW' },
    { name: 'preview-url', description: 'where browsers find previews, if the cluster cannot tell', value: { placeholder: 'URL' }, env: 'PODBRIDGE_PREVIEW_URL' },
    { name: 'policy', description: 'what bridges of the whole cluster may not be: a YAML file (docs/together.md), or none (default: as it was)', value: { placeholder: 'FILE' }, env: 'PODBRIDGE_POLICY' },
    { name: 'dry-run', description: 'print the manifests instead of applying them' },
  ],
  async run(context) {
    const delivery = deliveryOf(context);
    const preview = previewOf(context);
    const policy = await policyOf(context);
    if (flag(context, 'dryRun')) return dryRun(delivery, preview, policy);
    const [{ connectCluster }, { connectDocker }, { installHere }, { Steps }, { findInstalled }, { grantLines }, { policyWords }, { missingIngressClass }, { unservedRoute }, { ask }, { isInteractive }] = await Promise.all([
      import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../install/install-here.ts'), import('../steps/steps.ts'),
      import('../install/version.ts'), import('../grant-lines.ts'), import('../install/policy.ts'), import('../install/ingress-class.ts'), import('../install/gateway-route.ts'), import('../ui/ask.ts'), import('../ui/terminal.ts'),
    ]);
    const { host, reporter } = context;
    const cluster = await connectCluster(host, clusterChoice(context));
    try {
      if (!flag(context, 'yes') && isInteractive(host) && await findInstalled(cluster) === undefined
        && !(await ask(host, reporter, `Install podbridge into context ${cluster.context.name} (${cluster.context.server})?`))) {
        throw new BridgeError({ kind: 'refused', code: 'declined', what: 'nothing was installed', next: 'bridge install --context NAME' });
      }
      const steps = new Steps(reporter, () => host.now());
      const installation = await installHere({ cluster, docker: () => connectDocker(host), host, steps }, delivery, { preview, policy });
      const { version, previous, agentsForbidden } = installation;
      if (agentsForbidden !== null) {
        reporter.emit({
          type: 'warning', code: 'agents-forbidden', at: host.now(),
          text: `this cluster forbids podbridge's agents (${agentsForbidden}). Links work (bridge up, bridge run without --target); workloads cannot be bridged`,
          next: 'exempt namespace bridge-system from that policy; what agents need and why: docs/security.md',
        });
      }
      const missing = preview === undefined ? undefined : await missingIngressClass(cluster, preview);
      if (missing !== undefined) {
        const { wanted, there } = missing;
        reporter.emit({
          type: 'warning', code: 'ingress-class-missing', at: host.now(), text: `the cluster has no IngressClass ${wanted}${there.length === 0 ? ', nor any other' : `, but ${there.join(', ')}`}: until it has, links of previews lead nowhere`,
          next: there.length === 0 ? 'bridge install --preview node-port, or install an Ingress controller' : `bridge install --preview ingress:${there[0]} --preview-url ${preview?.url ?? 'URL'}`,
        });
      }
      const unserved = preview === undefined ? undefined : await unservedRoute(cluster, preview);
      if (unserved !== undefined) {
        reporter.emit({
          type: 'warning', code: 'gateway-route-unserved', at: host.now(), text: `links of previews lead nowhere yet: an HTTPRoute was made, but ${unserved}`,
          next: `${cluster.context.kubectl} -n bridge-system describe httproute stowaway-preview`,
        });
      }
      const limits = policyWords(installation.policy);
      const what = previous === null ? `podbridge ${version} is installed` : previous === version ? `podbridge ${version} is installed (it was before)` : `podbridge is upgraded from ${previous} to ${version}`;
      return {
        data: { ...installation, context: cluster.context.name },
        text: [`${what} in context ${cluster.context.name}.`, ...(limits === undefined ? [] : [`Policy of this cluster: ${limits}.`]), '', 'To let USER bridge workloads of NAMESPACE:', ...grantLines('USER', 'NAMESPACE').map((line) => `  ${line}`)].join('\n'),
      };
    } finally {
      cluster.close();
    }
  },
};
