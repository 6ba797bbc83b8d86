import { MS } from '../host/index.js'
import type { OverlayRootfs, Rootfs } from '../snapshot/rootfs.js'
import type { PlanWriter } from './protocol.gen.js'

/** What has to be there on the host before a container's root filesystem is mounted. */
export function writeRootDirectories(plan: PlanWriter, rootfs: Rootfs): void {
  if (rootfs.kind !== 'overlay') return
  plan.makeDirectory({ path: rootfs.upper, mode: 0o755, existOk: 1 })
  plan.makeDirectory({ path: rootfs.work, mode: 0o700, existOk: 1 })
  plan.makeDirectory({ path: rootfs.target, mode: 0o700, existOk: 1 })
}

/** Mounts it, in a mount namespace whose mounts nobody else sees. */
export function writeRootMount(plan: PlanWriter, rootfs: Rootfs): void {
  if (rootfs.kind === 'overlay')
    plan.rootMount({
      directory: rootfs.directory,
      source: 'overlay',
      target: rootfs.target,
      fstype: 'overlay',
      flags: 0,
      data: overlayData(rootfs),
    })
  else
    plan.rootMount({ directory: '/', source: rootfs.path, target: rootfs.path, fstype: '', flags: MS.BIND, data: '' })
}

/** From there on every path is the container's. */
export function writePivot(plan: PlanWriter, rootfs: Rootfs): void {
  plan.pivotRoot({ directory: rootfs.kind === 'overlay' ? rootfs.target : rootfs.path })
}

/** A writable layer of whole files under their own names, whatever the kernel's defaults are: it is read as a layer. */
function overlayData({ lowerdirs, upper, work, volatile }: OverlayRootfs): string {
  const directories = `lowerdir=${lowerdirs.join(':')},upperdir=${upper},workdir=${work}`
  return `${directories},redirect_dir=nofollow,metacopy=off${volatile ? ',volatile' : ''}`
}
