/** Which proxy stands between this machine and a URL by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, with kubectl's (Go's) reading of them. */
import ipaddr from 'ipaddr.js';

type Env = Record<string, string | undefined>;

function variable(env: Env, name: string): string | undefined {
  const value = env[name] ?? env[name.toLowerCase()];
  return value === undefined || value === '' ? undefined : value;
}

function parseAddress(host: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  return ipaddr.isValid(host) ? ipaddr.process(host) : undefined;
}

function inCidr(address: ipaddr.IPv4 | ipaddr.IPv6, cidr: string): boolean {
  if (!ipaddr.isValidCIDR(cidr)) return false;
  const [network, bits] = ipaddr.parseCIDR(cidr);
  return network.kind() === address.kind() && address.match(network, bits);
}

/** One entry of NO_PROXY: `*`, an address, a CIDR, `host[:port]`, `.domain` (sub-domains only) or `domain` (itself and below). */
function excludes(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const address = parseAddress(host);
  if (address !== undefined && (entry === host || inCidr(address, entry))) return true;
  const [, name = entry, entryPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (entryPort !== undefined && entryPort !== port) return false;
  const domain = name.replace(/^\*?\./, '').toLowerCase();
  const subdomainsOnly = name.startsWith('.') || name.startsWith('*.');
  return (!subdomainsOnly && host === domain) || (address === undefined && host.endsWith(`.${domain}`));
}

/** undefined: go there directly. Loopback never goes through a proxy. */
export function proxyFor(target: string, env: Env): string | undefined {
  const url = new URL(target);
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const address = parseAddress(host);
  if (host === 'localhost' || address?.range() === 'loopback') return undefined;
  const excluded = (variable(env, 'NO_PROXY') ?? '').split(',').map((entry) => entry.trim()).filter((entry) => entry !== '');
  if (excluded.some((entry) => excludes(entry, host, port))) return undefined;
  const proxy = variable(env, url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? variable(env, 'ALL_PROXY');
  if (proxy === undefined) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}
