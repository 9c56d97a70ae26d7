/** The link carries traffic: handshake, heartbeats and their loss, packets of full size, DNS. */
import { cargoName } from '../../link/link-name.ts';
import { milliseconds } from '../../status/screen/words.ts';
import { timing } from '../../timing.ts';
import type { LinkCheck, LinkStatus } from '../../../protocol/control.ts';
import { heartbeatSuspendMs } from '../../../protocol/heartbeat.ts';
import type { Check } from '../check.ts';
import { ok, type Finding } from '../finding.ts';

/** Above this share of lost heartbeats applications feel it. */
const badLoss = 0.05;
const fewHeartbeats = 10;
const slowMs = 250;
const slowDnsMs = 500;

export function statusFindings(status: LinkStatus): Finding[] {
  const { transport, endpoint, handshakeAgeMs, echoAgeMs, rttMs, heartbeats } = status;
  if (handshakeAgeMs === null) {
    return [{ code: 'link-no-handshake', severity: 'error', what: `the hub at ${endpoint} has never answered (transport ${transport})`, why: 'UDP to that address is blocked on the way, or the hub does not know this link', fix: 'let UDP pass to that port (a VPN, a firewall, a security group), then: bridge down && bridge up' }];
  }
  if (echoAgeMs === null || echoAgeMs > heartbeatSuspendMs) {
    return [{ code: 'link-silent', severity: 'error', what: `the hub at ${endpoint} has not answered for ${echoAgeMs === null ? 'ever' : milliseconds(echoAgeMs)}`, why: 'the way to it is interrupted (network changed, VPN, firewall), or the hub does not run; requests go to the pods meanwhile', fix: 'bridge down && bridge up' }];
  }
  const sorted = [...rttMs].sort((a, b) => a - b);
  const latency = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const findings: Finding[] = [ok(transport === 'api' ? 'link-over-api' : 'udp-reaches-hub', `${transport === 'api' ? 'the API server carries the link' : 'UDP reaches the hub'} at ${endpoint}: ${milliseconds(latency)} there and back`)];
  if (transport === 'api') findings.push({ code: 'udp-blocked', severity: 'info', what: 'UDP does not reach the hub, so the link goes over the API server', why: 'that is slower', fix: 'let UDP pass to the hub\'s NodePort or load balancer, then: bridge down && bridge up' });
  if (latency > slowMs) findings.push({ code: 'link-slow', severity: 'warning', what: `the hub is ${milliseconds(latency)} away`, why: 'every request over the bridge takes at least that long' });
  if (heartbeats !== undefined && heartbeats.sent >= fewHeartbeats && heartbeats.lost / heartbeats.sent > badLoss) {
    findings.push({ code: 'link-loss', severity: 'warning', what: `${heartbeats.lost} of the last ${heartbeats.sent} heartbeats were lost`, why: 'a bad network (wireless, overloaded VPN), or an overloaded machine' });
  }
  return findings;
}

export function measuredFindings({ packets, dns }: LinkCheck, alive: boolean): Finding[] {
  if (!alive) return [];
  const findings: Finding[] = [];
  const full = packets[0];
  const passes = packets.filter(({ answered }) => answered).map(({ bytes }) => bytes);
  if (full !== undefined) {
    findings.push(full.answered ? ok('path-mtu', `packets of ${full.bytes} bytes pass`) : {
      code: 'path-mtu', severity: 'error', what: `packets of ${full.bytes} bytes do not pass${passes.length === 0 ? '' : `, those of ${Math.max(...passes)} do`}`, why: 'something on the way (a VPN, PPPoE) carries smaller packets and drops fragments: connections open and then hang', fix: 'raise the MTU of the VPN or interface, or use another network',
    });
  }
  if (dns.error !== undefined || dns.addresses.length === 0) {
    findings.push({ code: 'dns-fails', severity: 'error', what: `${dns.name} is not resolved (${dns.error ?? 'no address'})`, why: 'the cluster\'s DNS does not run, or a NetworkPolicy keeps the hub from it', fix: 'kubectl -n kube-system get pods -l k8s-app=kube-dns' });
  } else {
    findings.push(dns.elapsedMs > slowDnsMs ? { code: 'dns-slow', severity: 'warning', what: `resolving ${dns.name} took ${milliseconds(dns.elapsedMs)}`, why: 'the cluster\'s DNS is overloaded, or the link is' } : ok('dns', `${dns.name} is ${dns.addresses.join(', ')} (${milliseconds(dns.elapsedMs)})`));
  }
  return findings;
}

export const linkCheck: Check = {
  id: 'link', area: 'link', title: 'Link',
  async run({ docker: connect, link, control: open }) {
    const [docker, { name }] = await Promise.all([connect(), link()]);
    const cargo = await docker.containers.find(cargoName(name));
    if (cargo === undefined) return [{ code: 'link-down', severity: 'info', what: 'there is no link on this machine', why: 'bridge run and bridge up make one', fix: 'bridge up' }];
    if (!cargo.running) return [{ code: 'cargo-stopped', severity: 'error', what: `the link's container ${cargo.name} does not run (${cargo.state}, exit code ${cargo.exitCode})`, why: cargo.outOfMemory ? 'it ran out of memory' : 'it was stopped, or ended by itself', fix: 'bridge up' }];
    const control = await open();
    if (control === undefined) return [];
    const { configured } = await control.call('hello', {}, timing.statusAnswerTimeoutMs);
    if (!configured) return [{ code: 'link-not-configured', severity: 'error', what: `the link's container ${cargo.name} was never told where the hub is`, why: 'the command that made it was killed', fix: 'bridge up' }];
    const status = await control.call('status', {}, timing.statusAnswerTimeoutMs);
    const findings = statusFindings(status);
    const alive = findings[0]?.severity === 'ok';
    return [...findings, ...(alive ? measuredFindings(await control.call('check', {}, timing.doctorMeasureTimeoutMs), alive) : [])];
  },
};
