import type { Command } from '../command.ts';
import { exitCodes } from '../errors.ts';
import { flag, text } from './choices.ts';
import { onlyHere, withSession } from './session.ts';

export const command: Command = {
  name: 'list',
  mustKnow: [],
  summary: 'List bridges, their containers and links',
  description: 'Bridges of the context\'s namespace and of those that containers of this machine stand for; containers without a target; links of this machine, of other contexts too: * is this one\'s. When the cluster cannot be asked, this machine\'s side, and exit code 3.',
  options: [{ name: 'all-namespaces', short: 'A', description: 'bridges of all namespaces, whoever made them' }],
  run: (context) => withSession(context, async ({ docker, cluster, link, unreachable }) => {
    const [{ listAll, listText }, { typedFacts }, { errorObject }] = await Promise.all([import('../bridge/list.ts'), import('../advice.ts'), import('../ui/error-text.ts')]);
    const namespace = text(context, 'namespace');
    const listed = await listAll({ docker, cluster, link, program: context.host.program, allNamespaces: flag(context, 'allNamespaces'), ...(namespace === undefined ? {} : { namespace }), ...(unreachable === undefined ? {} : { unreachable }) });
    if (unreachable !== undefined) context.reporter.emit(onlyHere(unreachable, context.host.now()));
    // For scripts: as with any command that fails, beside what is known.
    const data = unreachable === undefined ? listed : { ...listed, ...errorObject(typedFacts(context.host.program, unreachable.facts)) };
    return { data, text: listText(listed, context.output === 'wide', Date.now()), ...(unreachable === undefined ? {} : { exitCode: exitCodes.environment }) };
  }, { orHere: true }),
};
