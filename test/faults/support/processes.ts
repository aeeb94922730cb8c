import { existsSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';

/** One process of a container, with its id on this machine and its id in the container. */
export interface ContainerProcess {
  pid: number;
  inside: number;
  parent: number;
  command: string;
}

/** Returns the processes in the pid namespace of this process: those of its container. Empty if it has ended. */
export function processesOf(pid: number): ContainerProcess[] {
  const namespace = linkOf(pid);
  if (namespace === undefined) {
    return [];
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && linkOf(Number(name)) === namespace)
    .flatMap((name): ContainerProcess[] => {
      try {
        const status = readFileSync(`/proc/${name}/status`, 'utf8');
        const inside = Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1]);
        const parent = Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]);
        return [
          {
            pid: Number(name),
            inside,
            parent,
            command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' '),
          },
        ];
      } catch {
        return []; // it has ended meanwhile
      }
    });
}

/** Returns the uid of a process. Throws if it has ended. */
export const uidOf = (pid: number): number =>
  Number(/^Uid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** Describes each process of a container: its id inside, its state, and the system call in which it waits. */
export function doingsOf(pid: number): string[] {
  return processesOf(pid).map((one) => {
    try {
      const state = /^State:\s*(\S)/m.exec(readFileSync(`/proc/${one.pid}/status`, 'utf8'))?.[1];
      return `${one.inside} ${state} ${readFileSync(`/proc/${one.pid}/wchan`, 'utf8')}`;
    } catch {
      return `${one.inside} ended`;
    }
  });
}

/** Freezes or thaws a container without its engine. */
export function setFrozen(pid: number, frozen: boolean): void {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  const places = [
    [
      `/sys/fs/cgroup/freezer${/^\d+:freezer:(.*)$/m.exec(groups)?.[1] ?? ''}/freezer.state`,
      frozen ? 'FROZEN' : 'THAWED',
    ],
    [`/sys/fs/cgroup${/^0::(.*)$/m.exec(groups)?.[1] ?? ''}/cgroup.freeze`, frozen ? '1' : '0'],
  ] as const;
  for (const [file, state] of places) {
    if (existsSync(file)) {
      writeFileSync(file, state);
    }
  }
}

/** Returns false if the process does not exist any more. */
export function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function linkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
