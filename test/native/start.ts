import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { type ContainerPlan, containerPlan } from './container-plan.js'
import { type Bench, supervise } from './driver.js'

/** A container, without cgroups unless it is given some, by its supervisor. */
export function start(
  bench: Bench,
  executable: string,
  options: Partial<ContainerPlan> & { readonly argv: readonly string[] },
  slots: readonly number[] = [],
  place: ReturnType<Bench['container']> = { ...bench.container(), cgroups: [] },
) {
  const plan = containerPlan({ ...place, ...options })
  return { ...place, ...supervise(executable, plan, bench.directory, slots) }
}

/** Runs it to its end, of which the frames tell. */
export async function run(...started: Parameters<typeof start>) {
  const container = start(...started)
  await container.status.ended
  await container.ended
  return container
}

/** The process ids of the children of a process. */
export function childrenOf(pid: number | undefined): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** What ps(1) shows of it; empty when it has gone. */
export function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** What the descriptors of a process are of. */
export function openFiles(pid: number | undefined): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      // It has been closed meanwhile.
      return []
    }
  })
}
