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

function nameTaken(name: string, cause: unknown): BridgeError {
  return new BridgeError({
    kind: 'refused', code: 'name-conflict', what: `there is a container ${name} already`, why: 'another `bridge run` (perhaps for another namespace), or a container of your own, has that name',
    next: `bridge stop ${name}, or give this one another name with --name`, cause,
  });
}

/**
 * @param start called once it exists; Docker refuses a taken address only then, and the next is tried
 * @param onMade called with each container that exists from then on
 */
export async function makeContainer(
  docker: Docker, { client, network }: { client: string; network: string }, describe: (address: string) => ContainerSpec,
  start: (container: MadeContainer) => Promise<void>, onMade: (container: MadeContainer) => void,
): Promise<MadeContainer> {
  const refused = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    const { name } = describe('');
    const address = await freeAddress(docker, network, client, name, refused);
    const container = { id: await create(docker, describe(address)), name, address };
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

async function create(docker: Docker, spec: ContainerSpec): Promise<string> {
  try {
    return await docker.containers.create(spec);
  } catch (error) {
    if (isBridgeError(error) && error.facts.code === 'name-conflict') throw nameTaken(spec.name, error);
    throw error;
  }
}
