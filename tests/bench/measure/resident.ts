/** Resident memory of all processes of a container, as the kernel counts it (VmRSS; pages that processes share are counted in each). */
import type { Exec } from './exec.ts';

/**
 * Only shell builtins, so that nothing but the shell itself is added, and that is left out. Processes of other containers
 * (the agent sees all of its node) are told by their control group.
 */
const script = `
own=; while read -r line; do own="$own$line"; done < /proc/self/cgroup
for folder in /proc/[0-9]*; do
  [ "$folder" = "/proc/$$" ] && continue
  group=; { while read -r line; do group="$group$line"; done < "$folder/cgroup"; } 2>/dev/null
  [ "$group" = "$own" ] || continue
  { while read -r key value unit; do case $key in Name:) name=$value;; VmRSS:) echo "$name $value";; esac; done < "$folder/status"; } 2>/dev/null
done
:`;

export interface Resident {
  /** Millions of bytes. */
  megabytes: number;
  /** `node 61, wireguard-go 9` */
  processes: string;
}

export async function residentMemory(exec: Exec): Promise<Resident> {
  const processes = (await exec(['sh', '-c', script])).trim().split('\n').filter(Boolean).map((line) => {
    const [name = '', kib] = line.split(' ');
    return { name, megabytes: Number(kib) * 1024 / 1e6 };
  });
  return {
    megabytes: processes.reduce((sum, { megabytes }) => sum + megabytes, 0),
    processes: processes.toSorted((one, other) => other.megabytes - one.megabytes).map(({ name, megabytes }) => `${name} ${megabytes.toFixed(0)}`).join(', '),
  };
}
