/** Docker answers, is new enough, and is where the user believes it to be. */
import type { Docker } from '../../adapters/docker/index.ts';
import { factsOf } from '../../ui/error-text.ts';
import type { Check } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

const oldestMajor = 20;

/** What kind of Docker this is, where that matters to users. */
function kindOf(docker: Docker, operatingSystem: string, rootless: boolean, platform: string): Finding[] {
  const { url, source } = docker.endpoint;
  const findings: Finding[] = [];
  if (/^(tcp|ssh|https?):/.test(url)) {
    findings.push({ code: 'docker-remote', severity: 'warning', what: `Docker is on another machine (${url}, from ${source})`, why: 'mounts with -v are directories of that machine, and published ports are opened there', fix: 'docker context use default, or unset DOCKER_HOST, for the Docker of this machine' });
  }
  if (rootless) findings.push({ code: 'docker-rootless', severity: 'info', what: 'Docker runs rootless', why: 'WireGuard runs in user space there and is slower; /dev/net/tun must be usable by the user' });
  if (operatingSystem.includes('Docker Desktop')) findings.push({ code: 'docker-desktop', severity: 'info', what: `Docker Desktop on ${platform}: containers run in its virtual machine`, why: 'the machine\'s own VPN and routes apply to it only as far as Desktop passes them on' });
  if (/colima|lima/.test(`${url} ${operatingSystem}`)) findings.push({ code: 'docker-colima', severity: 'info', what: 'Docker runs in Colima\'s virtual machine', why: 'only directories that Colima mounts can be given with -v' });
  return findings;
}

export const dockerCheck: Check = {
  id: 'docker', area: 'host', title: 'Docker',
  async run({ docker: connect, host }) {
    let docker: Docker;
    try {
      docker = await connect();
      const info = await docker.info();
      const version = ok('docker-answers', `Docker ${info.serverVersion} answers (${docker.endpoint.url}, from ${docker.endpoint.source})`);
      const old = Number(info.serverVersion.split('.')[0]) < oldestMajor;
      return [
        old ? { code: 'docker-too-old', severity: 'error', what: `Docker ${info.serverVersion} is too old`, why: `podbridge needs ${oldestMajor}.10 or newer`, fix: 'upgrade Docker: https://docs.docker.com/engine/install' } : version,
        ...kindOf(docker, info.operatingSystem, info.rootless, host.env.OS ?? info.operatingSystem),
      ];
    } catch (error) {
      const { code, what, why, next } = factsOf(error);
      return [{ code, severity: 'error', what, ...(why === undefined ? {} : { why }), ...(next === undefined ? {} : { fix: next }) }];
    }
  },
};
