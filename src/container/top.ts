import { readdirSync } from 'node:fs'
import type { ContainerRecord } from '../store/containers.js'
import type { ContainerContext } from './context.js'
import { statusOf } from './inspect-state.js'
import { processHost, readOrNothing, readProcess } from './processes.js'
import { settle } from './settle.js'
import { mayDo } from './states.js'
import { parseTopArguments } from './top-arguments.js'

/** The processes of a container, as ps shows them. */
export interface ContainerProcesses {
  readonly titles: readonly string[]
  /** A text for each title, by process id. */
  readonly processes: readonly (readonly string[])[]
}

/** Tells the processes of a container from /proc of the host: neither ps nor anything of the container is run. */
export async function top(
  context: ContainerContext,
  record: ContainerRecord,
  psArgs: string,
): Promise<ContainerProcesses> {
  const chosen = parseTopArguments(psArgs)
  const observed = await settle(context, record)
  mayDo('top', observed ? statusOf(observed) : 'removing', record.id)
  const host = processHost()
  const processes = containerPids(context, record.id).flatMap((pid) => {
    const process = readProcess(pid)
    return process ? [{ pid, row: chosen.map(({ column, width }) => column.value(process, host, width)) }] : []
  })
  // One that has ended meanwhile may have left its number to a process that is nobody's of this container.
  const still = new Set(containerPids(context, record.id))
  context.tell(record, 'top')
  return {
    titles: chosen.map(({ title }) => title),
    processes: processes.filter(({ pid }) => still.has(pid)).map(({ row }) => row),
  }
}

/** The ids of a container's processes, as the host has them, in order. */
function containerPids({ cgroups }: Pick<ContainerContext, 'cgroups'>, id: string): number[] {
  const all = cgroups(id)
  const [first] = [...all.filter(({ version }) => version === 2), ...all]
  return first ? [...new Set(pidsBelow(first.path))].sort((one, other) => one - other) : []
}

/** A container may have made cgroups of its own in its own. 0 is a process of another pid namespace than ours. */
function pidsBelow(directory: string): number[] {
  const own = readOrNothing(`${directory}/cgroup.procs`).split('\n').map(Number)
  return [...own.filter((pid) => pid > 0), ...directoriesIn(directory).flatMap(pidsBelow)]
}

function directoriesIn(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${directory}/${name}`)
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}
