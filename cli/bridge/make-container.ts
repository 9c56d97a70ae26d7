/** Makes the app's container under an address of its own; not started yet. */
import type { ContainerSpec, Docker } from '../adapters/docker/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { freeAddress } from './free-address.ts';

export interface MadeContainer {
  id: string;
  name: string;
  address: string;
}

const mostAttempts = 8;
/** As of labels, though Docker itself has no limit. */
const nameMaxLength = 63;

function nameTaken(name: string, cause: unknown): BridgeError {
  return new BridgeError({
    kind: 'refused', code: 'name-conflict', what: `there is a container ${name} already`, why: 'another `bridge run` (perhaps for another namespace), or a container of your own, has that name',
    next: `bridge stop ${name}, or give this one another name with --name`, cause,
  });
}

/** Another link or namespace may have a bridge of the same name on this machine; who chose the name himself is told instead. */
export function containerNames(bridge: string, chosen: boolean, { namespace, client }: { namespace: string; client: string }): string[] {
  return chosen ? [bridge] : [bridge, `${bridge}-${namespace}`.slice(0, nameMaxLength), `${bridge.slice(0, nameMaxLength - 7)}-${client.slice(-6)}`];
}

export interface Making {
  docker: Docker;
  client: string;
  network: string;
  /** The first that is free is taken. */
  names: string[];
  describe: (name: string, address: string) => ContainerSpec;
  /** Called once it exists; Docker refuses a taken address only then, and the next is tried. */
  start: (container: MadeContainer) => Promise<void>;
  /** Called with each container that exists from then on. */
  onMade: (container: MadeContainer) => void;
}

/** Throws `name-conflict` when every name is taken. */
export async function makeContainer({ docker, client, network, names, describe, start, onMade }: Making): Promise<MadeContainer> {
  const refused = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    const address = await freeAddress(docker, network, client, names[0]!, refused);
    const container = await create(docker, names, address, describe);
    onMade(container);
    try {
      await start(container);
      return container;
    } catch (error) {
      if (!isBridgeError(error) || error.facts.code !== 'address-in-use' || attempt >= mostAttempts) throw error;
      refused.add(address);
      await docker.containers.remove(container.id, { force: true });
    }
  }
}

async function create(docker: Docker, names: string[], address: string, describe: Making['describe']): Promise<MadeContainer> {
  let conflict: unknown;
  for (const name of names) {
    try {
      return { id: await docker.containers.create(describe(name, address)), name, address };
    } catch (error) {
      if (!isBridgeError(error) || error.facts.code !== 'name-conflict') throw error;
      conflict = error;
    }
  }
  throw nameTaken(names[0]!, conflict);
}
