/** What options say about their values beyond their form, asked while the file is read, so that all mistakes are told at once and with their lines. */
import { checkEnvPattern } from '../bridge/env-filter.ts';
import { envFromFlags } from '../bridge/merge-env.ts';
import { parseDebug, parsePublish } from '../bridge/publish.ts';
import { isBridgeError } from '../errors.ts';
import { parseTarget } from '../target/parse-target.ts';
import { noPorts, parsePort } from '../target/ports.ts';

/** Of named ports only the target's container knows. */
function checkPort(text: string): void {
  if (text === noPorts) return;
  try {
    parsePort(text, { name: '', ports: [] });
  } catch (error) {
    if (!isBridgeError(error) || error.facts.code !== 'port-not-found') throw error;
  }
}

/** By the option's name in camelCase; each throws BridgeError. */
export const checks: Partial<Record<string, (value: string) => unknown>> = {
  target: parseTarget, port: checkPort, publish: parsePublish, debug: parseDebug, env: (value) => envFromFlags([value], {}), envOnly: checkEnvPattern, envExcept: checkEnvPattern,
};
