/** What options say about their values beyond their form, asked while the file is read, so that all mistakes are told at once and with their lines. */
import { checkEnvPattern } from '../bridge/env-filter.ts';
import { envFromFlags } from '../bridge/merge-env.ts';
import { parseDebug, parsePublish } from '../bridge/publish.ts';
import { parseCertificate, parseCheck, parseDelay, parseFault } from '../bridge/traffic.ts';
import { durationMs } from '../commands/ttl.ts';
import { BridgeError } from '../errors.ts';
import { parseTarget } from '../target/parse-target.ts';
import { noPorts, parsePort } from '../target/ports.ts';
import { parseVolumeModes } from '../volumes/modes.ts';

/** Of named ports only the target's container knows: any name may be one. */
function checkPort(text: string): void {
  if (text !== noPorts) parsePort(text, { name: '', ports: [{ name: /^[^:/]*/.exec(text)![0], containerPort: 1 }] });
}

/** Docker takes no other, and tells it only when everything else stands. */
export function checkWorkdir(text: string): void {
  if (!text.startsWith('/')) throw new BridgeError({ kind: 'usage', code: 'workdir-malformed', what: `--workdir '${text}' is no directory of the container`, why: 'it is an absolute path', next: `--workdir /${text}` });
}

/** By the option's name in camelCase; each throws BridgeError. */
export const checks: Partial<Record<string, (value: string) => unknown>> = {
  target: parseTarget, port: checkPort, publish: parsePublish, debug: parseDebug, env: (value) => envFromFlags([value], {}), envOnly: checkEnvPattern, envExcept: checkEnvPattern,
  check: parseCheck, delay: parseDelay, fault: parseFault, tlsCert: parseCertificate, volumeMode: (value) => parseVolumeModes([value]), workdir: checkWorkdir,
  lifetime: (value) => durationMs('lifetime', value), ttl: (value) => durationMs('ttl', value),
};
