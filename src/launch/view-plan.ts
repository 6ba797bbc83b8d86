import { MS } from '../host/index.js'
import type { ReadOnlyRoot, Rootfs } from '../snapshot/rootfs.js'
import type { Mount } from '../spec/types.js'
import { PlanWriter } from './protocol.gen.js'
import { writePivot, writeRootDirectories, writeRootMount } from './root-steps.js'
import { type Fault, type LaunchPlan, planFault } from './run-plan.js'
import { lowerdirs, Trees } from './trees.js'

const CLONE_NEWNS = 0x20000

export interface ViewPlanInput {
  readonly rootfs: Rootfs
  /** Binds and images, the shallow ones first. */
  readonly mounts: readonly Mount[]
  /** What mounts of type `image` show, by their source. */
  readonly images: ReadonlyMap<string, ReadOnlyRoot>
  /** `root/containers/ID`: made by the plan. */
  readonly directory: string
  readonly isReadOnly: boolean
  readonly fault?: Fault
}

/**
 * Compiles what shows a container's files while it does not run: its root with its volumes, in a mount namespace of its own
 * that nobody else sees and that ends with the last descriptor of it. The process that made it lends both, then ends.
 */
export function compileView({ rootfs, mounts, images, directory, isReadOnly, fault }: ViewPlanInput): LaunchPlan {
  const plan = new PlanWriter()
  const about = new Map<number, Mount>()
  const trees = new Trees(plan, { mounts, images, directory, slots: 0, sharedMemory: undefined }, about)
  plan.section('container')
  plan.makeDirectory({ path: directory, mode: 0o710, existOk: 1 })
  writeRootDirectories(plan, rootfs)
  trees.makeDirectories()
  plan.unshare({ flags: CLONE_NEWNS })
  plan.rootPropagation({ flags: MS.REC | MS.PRIVATE })
  trees.openBinds()
  trees.openImages()
  writeRootMount(plan, rootfs)
  writePivot(plan, rootfs)
  for (const mount of mounts) trees.attach(mount)
  if (isReadOnly) plan.remount({ target: '/', flags: MS.RDONLY })
  plan.lendRoot()
  return { bytes: plan.finish({ mode: 'task', ...planFault(fault) }), steps: plan.names, mounts: about }
}

export interface FilesystemPlanInput {
  readonly root: ReadOnlyRoot
  /** A directory of the host that is mounted over, where nobody else sees it. */
  readonly place: string
  /** Its layers are our own: a directory of one may be a renamed one of another. Of an image none is. */
  readonly followsRedirects?: boolean
  readonly fault?: Fault
}

/** The same for the files of an image alone, read-only. */
export function compileFilesystem({ root, place, followsRedirects, fault }: FilesystemPlanInput): LaunchPlan {
  const plan = new PlanWriter()
  plan.section('container')
  plan.unshare({ flags: CLONE_NEWNS })
  plan.rootPropagation({ flags: MS.REC | MS.PRIVATE })
  if (root.kind === 'directory')
    plan.rootMount({ directory: '/', source: root.path, target: place, fstype: '', flags: MS.BIND, data: '' })
  else {
    // Empty: all that there is of an image without layers, and what an overlay of one has below it.
    plan.rootMount({ directory: '/', source: 'tmpfs', target: place, fstype: 'tmpfs', flags: 0, data: 'mode=755' })
    if (root.lowerdirs.length > 0)
      plan.rootMount({
        directory: root.directory,
        source: 'overlay',
        target: place,
        fstype: 'overlay',
        flags: MS.RDONLY,
        data: `lowerdir=${lowerdirs(root.lowerdirs, place)},redirect_dir=${followsRedirects ? 'follow' : 'nofollow'},metacopy=off`,
      })
  }
  plan.pivotRoot({ directory: place })
  plan.remount({ target: '/', flags: MS.RDONLY })
  plan.lendRoot()
  return { bytes: plan.finish({ mode: 'task', ...planFault(fault) }), steps: plan.names }
}
