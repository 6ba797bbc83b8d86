import type { ContainerCgroups } from './cgroups.js'
import { PlanWriter } from './protocol.gen.js'

export interface TeardownInput {
  readonly cgroups: Pick<ContainerCgroups, 'directories' | 'freezer'>
  readonly paths: { readonly directory: string; readonly run?: string }
  /** Its files go as well: the writable layer, the log, and with them the run directory, where one is named. */
  readonly remove: boolean
}

/** What undoes a start. Every step can be repeated: the engine runs the same steps for a supervisor that was killed. */
export function writeTeardown(plan: PlanWriter, { cgroups, paths, remove }: TeardownInput): void {
  const unified = cgroups.directories.find(({ version }) => version === 2) ?? cgroups.directories[0]
  // What a freezer of version 1 has frozen does not die.
  const freezer = cgroups.freezer?.version === 1 ? cgroups.freezer : undefined
  if (freezer) plan.writeKnob({ path: freezer.path, value: freezer.thawed, optional: 1 })
  if (unified) plan.cgroupKill({ path: unified.path })
  for (const { path } of cgroups.directories) plan.cgroupRemove({ path })
  if (!remove) return
  plan.removeTree({ path: paths.directory })
  if (paths.run !== undefined) plan.removeTree({ path: paths.run })
}

/** The teardown alone, for a container whose supervisor did not live to do it. */
export function compileTeardown(input: TeardownInput): Uint8Array {
  const plan = new PlanWriter()
  plan.section('teardown')
  writeTeardown(plan, input)
  return plan.finish({ mode: 'task' })
}
