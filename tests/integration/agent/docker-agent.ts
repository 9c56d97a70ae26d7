/**
 * The agent's own code with plain Docker containers for pods: the world comes as JSON lines on stdin, statuses go to stdout.
 * Runs inside a container with the capabilities of the real agent; a pod's UID is its container's id.
 */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Bridge, Client } from '../../../protocol/objects.ts';
import { NodeAgent } from '../../../stowaway-image/src/agent/node-agent.ts';
import { ownInstance, removeLeftovers } from '../../../stowaway-image/src/agent/instance.ts';
import type { NodePod } from '../../../stowaway-image/src/agent/pods/node-pod.ts';
import { ProcTable } from '../../../stowaway-image/src/agent/pods/proc-table.ts';

interface World {
  bridges: Bridge[];
  clients: Client[];
  pods: NodePod[];
}

const stopping = new AbortController();
const directory = '/tmp/podbridge-agent';
mkdirSync(directory, { recursive: true, mode: 0o700 });
const say = (message: object): void => { process.stdout.write(`${JSON.stringify(message)}\n`); };

function dockerOwner(cgroup: string): { podUid: string } | undefined {
  const id = /[/-]([0-9a-f]{64})(?:\.scope)?(?:\/|$)/m.exec(cgroup)?.[1];
  return id === undefined ? undefined : { podUid: id };
}

/** The Docker daemon's network is the "node's": process 1 of a development machine may be closed to us. */
function dockerPid(): number {
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && readFileSync(`/proc/${name}/comm`, 'utf8').trim() === 'dockerd');
  if (pid === undefined) throw new Error('no dockerd on this machine');
  return Number(pid);
}

let world: World = { bridges: [], clients: [], pods: [] };
const processes = new ProcTable('/proc', dockerOwner);
const instance = ownInstance();
const nodePid = dockerPid();
const log = (event: string, facts?: Record<string, unknown>): void => say({ log: event, ...facts });
const agent = new NodeAgent({
  node: 'node', agent: '127.0.0.1:7080', instance, nodePid, directory, threads: 1,
  pods: () => world.pods, bridges: () => world.bridges,
  client: (name) => world.clients.find((client) => client.metadata.name === name),
  processes, log, signal: stopping.signal,
  writeStatus: async (bridge, entries) => say({ status: bridge.metadata.name, entries }),
});
await removeLeftovers(instance, nodePid, log);
say({ started: instance });

for await (const line of createInterface({ input: process.stdin })) {
  world = JSON.parse(line) as World;
  agent.trigger();
}
stopping.abort();
await agent.stop(2000);
process.exit(0);
