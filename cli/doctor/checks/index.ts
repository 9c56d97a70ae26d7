/** All checks, in the order in which they are told: what others stand on comes first. */
import type { Check } from '../check.ts';
import { admissionCheck } from './admission.ts';
import { bridgesCheck } from './bridges.ts';
import { clusterSideCheck, versionCheck } from './cluster-side.ts';
import { diskCheck } from './disk.ts';
import { dockerCheck } from './docker.ts';
import { limitsCheck } from './limits.ts';
import { linkCheck } from './link.ts';
import { nodesCheck } from './nodes.ts';
import { overlapCheck } from './overlap.ts';
import { pathCheck } from './path.ts';
import { rightsCheck } from './rights.ts';

export const checks: readonly Check[] = [dockerCheck, diskCheck, pathCheck, overlapCheck, versionCheck, clusterSideCheck, rightsCheck, limitsCheck, admissionCheck, nodesCheck, linkCheck, bridgesCheck];
