import { readFileSync, readlinkSync } from 'node:fs'
import type { Engine } from '../index.js'

const label = 'inboard.fixtures'

/** What snapshots are known by that fixtures of this process are cloned from. */
export function snapshotLabels(): Record<string, string> {
  return { [label]: [namespace(), process.pid, startOf(process.pid)].join(' ') }
}

/** Removes those of processes that were killed: snapshots outlive who has taken them. */
export async function removeLeftSnapshots(engine: Engine): Promise<void> {
  for (const { id, labels } of await engine.snapshots.list()) {
    const [where, pid, start] = labels[label]?.split(' ') ?? []
    if (where !== namespace() || startOf(Number(pid)) === start) continue
    // Others look as well.
    await engine.snapshots
      .get(id)
      .then((snapshot) => snapshot.close())
      .catch(() => {})
  }
}

/** Where numbers of processes are the same as here. */
const namespace = () => readlinkSync('/proc/self/ns/pid')

/** When a process was started, in ticks since the machine was; undefined: it has ended. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program, in parentheses, may have anything in it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
