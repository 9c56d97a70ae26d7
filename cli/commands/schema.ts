import type { Command } from '../command.ts';

export const command: Command = {
  name: 'schema',
  summary: 'Print the JSON schema of bridge.yaml, for editors',
  takesProject: 'nothing',
  examples: [{ command: 'bridge schema > .bridge.schema.json', explains: 'then, as the first line of bridge.yaml: # yaml-language-server: $schema=.bridge.schema.json' }],
  async run() {
    const [{ jsonSchema }, { command: runCommand }, { allOptions }] = await Promise.all([import('../project/schema.ts'), import('./run.ts'), import('../parse/global-options.ts')]);
    const schema = jsonSchema(allOptions(runCommand.options));
    return { data: schema, text: JSON.stringify(schema, null, 2) };
  },
};
