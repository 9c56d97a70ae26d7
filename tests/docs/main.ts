/** npm run docs: writes those documents that are made from the program. A unit test tells when it has to be run. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandReference, referenceFile } from './command-reference.ts';
import { errorReference, errorsFile } from './error-reference.ts';
import { objectReference, objectsFile } from './object-reference.ts';
import { projectFile, projectReference } from './project-keys.ts';
import { schemaFile, schemaText } from './project-schema.ts';

for (const [file, text] of [[referenceFile, await commandReference()], [schemaFile, await schemaText()], [projectFile, await projectReference()], [errorsFile, errorReference()], [objectsFile, objectReference()]] as const) {
  await writeFile(join(import.meta.dirname, '..', '..', file), text);
  console.log(`wrote ${file}`);
}
