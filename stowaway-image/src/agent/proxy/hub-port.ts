import type { HubPort } from './model.ts';

/** Name of the backend whose one server stands for a hub port; the address is part of it, so that a new hub pod starts unknown. */
export function hubPortName({ address, port }: HubPort): string {
  return `c_${address.replaceAll(/[^0-9a-fA-F]/g, '-')}_${port}`;
}

export function isHubPortName(backend: string): boolean {
  return backend.startsWith('c_');
}
