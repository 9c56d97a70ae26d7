import type { Command, CommandContext } from '../command.ts';
import { exitCodes } from '../errors.ts';
import { clusterChoice, text } from './choices.ts';

async function examined(context: CommandContext) {
  const [{ connectCluster }, { connectDocker }, { doctorContext }, { examine }, { checks }, { typedFinding }] = await Promise.all([
    import('../adapters/cluster/index.ts'), import('../adapters/docker/index.ts'), import('../doctor/context.ts'), import('../doctor/doctor.ts'), import('../doctor/checks/index.ts'), import('../doctor/finding.ts'),
  ]);
  const { host } = context;
  const namespace = text(context, 'namespace');
  const parts = doctorContext({ host, connectDocker: () => connectDocker(host), connectCluster: () => connectCluster(host, clusterChoice(context)), ...(namespace === undefined ? {} : { namespace }) });
  return { parts, findings: (await examine(checks, parts)).map((finding) => typedFinding(host.program, finding)) };
}

export const command: Command = {
  name: 'doctor',
  mustKnow: [],
  summary: 'Find out what is wrong, and what repairs it',
  description: `Looks at this machine (Docker, disk, addresses, VPN), at the cluster (version, rights one by one, admission, nodes, podbridge's
own pods), at the link (handshake, loss, packets of full size, DNS) and at each bridge (rules in the kernels of the pods, the
program's port, matching requests). Changes nothing. The exit code is 3 when there is an error among the findings.`,
  options: [{ name: 'bundle', description: 'write findings, objects and logs, without secrets, into this archive', value: { placeholder: 'FILE.tar.gz' } }],
  examples: [{ command: 'bridge doctor', explains: 'everything' }, { command: 'bridge doctor --bundle report.tar.gz', explains: 'to be attached to a report; look into it before' }],
  async run(context) {
    const { host } = context;
    const { parts, findings } = await examined(context);
    const [{ hasErrors }, { reportText }, { paint, wantsColor }] = await Promise.all([import('../doctor/doctor.ts'), import('../doctor/report.ts'), import('../ui/terminal.ts')]);
    try {
      const file = text(context, 'bundle');
      let bundle: string | undefined;
      if (file !== undefined) {
        const [path, { bundleEntries, writeBundle }] = await Promise.all([import('node:path'), import('../doctor/bundle.ts')]);
        bundle = path.resolve(host.cwd, file);
        await writeBundle(bundle, await bundleEntries(findings, parts));
      }
      const report = reportText(findings, paint(wantsColor(host) && host.stdout.isTTY === true));
      return {
        data: { findings, ...(bundle === undefined ? {} : { bundle }) }, text: bundle === undefined ? report : `${report}\nWritten: ${bundle}`,
        exitCode: hasErrors(findings) ? exitCodes.environment : exitCodes.ok,
      };
    } finally {
      parts.close();
    }
  },
};
