/**
 * Runs inside a container of the stowaway image: the agent's own code with plain Docker containers for pods. A pod's UID is its
 * container's id. The test puts the objects there over HTTP and reads the statuses that the agent wrote.
 */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { BridgePod } from '../../../protocol/objects.ts';
import { ports } from '../../../protocol/ports.ts';
import { NodeAgent } from '../../../stowaway-image/src/agent/node-agent.ts';
import { ownInstance, removeLeftovers } from '../../../stowaway-image/src/agent/instance.ts';
import { ProcTable } from '../../../stowaway-image/src/agent/pods/proc-table.ts';
import { controlPort, type AgentObjects } from './agent-objects.ts';

function dockerOwner(cgroup: string): { podUid: string } | undefined {
  const id = /[/-]([0-9a-f]{64})(?:\.scope)?(?:\/|$)/m.exec(cgroup)?.[1];
  return id === undefined ? undefined : { podUid: id };
}

/** The Docker daemon's network is the "node's": process 1 of a development machine may be closed to us. */
function dockerPid(): number {
  const pid = readdirSync('/proc').find((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/comm`, 'utf8').trim() === 'dockerd';
    } catch {
      return false;
    }
  });
  if (pid === undefined) throw new Error('no dockerd on this machine');
  return Number(pid);
}

async function main(): Promise<void> {
  const stopping = new AbortController();
  const directory = '/run/podbridge';
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const log = (event: string, facts?: Record<string, unknown>): void => console.log(JSON.stringify({ at: new Date().toISOString(), event, ...facts }));
  let objects: AgentObjects = { bridges: [], clients: [], pods: [] };
  const statuses: Record<string, BridgePod[]> = {};
  const instance = ownInstance();
  const nodePid = dockerPid();
  const address = Object.values(networkInterfaces()).flat().find((face) => face?.family === 'IPv4' && !face.internal)?.address ?? '';
  const agent = new NodeAgent({
    node: 'node', agent: `${address}:${ports.agent}`, instance, nodePid, directory, threads: 2,
    pods: () => objects.pods, bridges: () => objects.bridges,
    client: (name) => objects.clients.find((client) => client.metadata.name === name),
    processes: new ProcTable('/proc', dockerOwner), log, signal: stopping.signal,
    writeStatus: async (bridge, entries) => { statuses[bridge.metadata.name] = entries; },
  });
  await removeLeftovers(instance, nodePid, (device) => agent.wantsTunnel(device), log);
  createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'POST') {
        objects = JSON.parse(Buffer.concat(chunks).toString()) as AgentObjects;
        for (const name of Object.keys(statuses)) if (!objects.bridges.some(({ metadata }) => metadata.name === name)) delete statuses[name];
        agent.trigger();
      }
      response.end(JSON.stringify(statuses));
    });
  }).listen(controlPort);
  // Not `once`: where no listener is left, execa takes the signal for the end of this process and of its children.
  process.on('SIGTERM', () => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    void agent.stop(2000).then(() => process.exit(0));
  });
  log('ready', { instance });
}

void main();
