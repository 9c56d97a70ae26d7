/** docs/bridge.schema.json, from the options of `bridge run`. */
import { command } from '../../cli/commands/run.ts';
import { allOptions } from '../../cli/parse/global-options.ts';
import { jsonSchema } from '../../cli/project/schema.ts';

export const schemaFile = 'docs/bridge.schema.json';

export async function schemaText(): Promise<string> {
  return `${JSON.stringify(jsonSchema(allOptions(command.options)), null, 2)}\n`;
}
