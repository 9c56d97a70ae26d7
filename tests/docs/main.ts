/** npm run docs: writes those documents that are made from the program. A unit test tells when it has to be run. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandReference, referenceFile } from './command-reference.ts';

await writeFile(join(import.meta.dirname, '..', '..', referenceFile), await commandReference());
console.log(`wrote ${referenceFile}`);
