import type Dockerode from 'dockerode';
import type { Session } from './connect.ts';
import { endpointSettings } from './container-spec.ts';
import type { NetworkInfo, Networks } from './docker.ts';
import { daemonMessage, isStatus } from './errors.ts';
import { labelFilter } from './labels.ts';

function info(raw: Dockerode.NetworkInspectInfo): NetworkInfo {
  const pools = raw.IPAM?.Config ?? [];
  return {
    id: raw.Id, name: raw.Name, driver: raw.Driver, labels: raw.Labels ?? {}, created: raw.Created, internal: raw.Internal,
    subnets: pools.flatMap(({ Subnet }) => (Subnet === undefined ? [] : [Subnet])),
    gateway: pools.map(({ Gateway }) => Gateway).find((gateway) => gateway !== undefined && gateway !== ''),
    auxiliary: Object.assign({}, ...pools.map((pool) => (pool as { AuxiliaryAddresses?: Record<string, string> }).AuxiliaryAddresses ?? {})) as Record<string, string>,
    containers: Object.entries(raw.Containers ?? {}).map(([id, { Name, IPv4Address }]) => ({ id, name: Name, ipv4Address: IPv4Address.split('/')[0] ?? '' })),
  };
}

/** "endpoint with name x already exists in network y" (20.10: 403, later 409). */
const alreadyConnected = (error: unknown): boolean => /already exists in network|is already attached to network/i.test(daemonMessage(error));
/** "container x is not connected to the network y". */
const notConnected = (error: unknown): boolean => /is not connected to (?:the )?network/i.test(daemonMessage(error));

export function createNetworks({ client, attempt }: Session): Networks {
  return {
    create: (spec) => attempt(`create the network ${spec.name}`, async () => {
      const network = await client.createNetwork({
        Name: spec.name, CheckDuplicate: true, Driver: 'bridge', Labels: spec.labels, Options: spec.options ?? {},
        IPAM: { Driver: 'default', Config: [{ Subnet: spec.subnet, Gateway: spec.gateway, ...(spec.auxiliary === undefined ? {} : { AuxiliaryAddresses: spec.auxiliary }) }] },
      });
      return network.id;
    }),
    list: (labels = {}) => attempt('list networks', async () => (await client.listNetworks({ filters: { label: labelFilter(labels) } })).map(info)),
    find: (idOrName) => attempt(`inspect the network ${idOrName}`, async () => {
      try {
        return info(await client.getNetwork(idOrName).inspect());
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    }),
    connect: (network, container, options = {}) => attempt(`connect a container to the network ${network}`, async () => {
      try {
        await client.getNetwork(network).connect({ Container: container, EndpointConfig: endpointSettings(options) });
      } catch (error) {
        if (!alreadyConnected(error)) throw error;
      }
    }),
    disconnect: (network, container) => attempt(`disconnect a container from the network ${network}`, async () => {
      try {
        await client.getNetwork(network).disconnect({ Container: container, Force: true });
        return true;
      } catch (error) {
        if (isStatus(error, 404) || notConnected(error)) return false;
        throw error;
      }
    }),
    remove: (idOrName) => attempt(`remove the network ${idOrName}`, async () => {
      try {
        await client.getNetwork(idOrName).remove();
        return true;
      } catch (error) {
        if (isStatus(error, 404)) return false;
        throw error;
      }
    }),
  };
}
