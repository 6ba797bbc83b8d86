import { MS } from '../host/index.js'
import type { ReadOnlyRoot } from '../snapshot/rootfs.js'
import type { Mount } from '../spec/types.js'
import { parseMountOptions } from './mount-options.js'
import { type PlanWriter, targetFlags, treeFlags } from './protocol.gen.js'

export interface TreesInput {
  readonly mounts: readonly Mount[]
  /** What mounts of type `image` show, by their source. */
  readonly images: ReadonlyMap<string, ReadOnlyRoot>
  /** The container's own directory, where images are mounted before parts of them are taken from there. */
  readonly directory: string
  /** The first slot that is free. */
  readonly slots: number
  /** The slot of the container whose /dev/shm is shared. */
  readonly sharedMemory: number | undefined
  readonly secrets?: SecretsInput
}

/** A file that no disk ever has: in memory that only the container's mount namespace has. */
export interface SecretFile {
  /** Where its processes see it. */
  readonly target: string
  readonly content: Uint8Array
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export interface SecretsInput {
  readonly files: readonly SecretFile[]
  /** A directory of the host that nothing is needed of any more when they are made: they are made over it. */
  readonly place: string
}

interface Image {
  readonly root: ReadOnlyRoot
  /** Where its tree is taken from. */
  readonly path: string
  readonly mounts: Mount[]
}

/** What containers see of the host's directories and of images: opened before the pivot, attached after it. */
export class Trees {
  readonly #plan: PlanWriter
  readonly #slots = new Map<Mount, number>()
  /** What is to be shared with the host once all is mounted. */
  readonly #peers = new Map<Mount, number>()
  readonly #steps: Map<number, Mount>
  readonly #binds: readonly Mount[]
  readonly #taken: readonly Mount[]
  readonly #owner: number
  readonly #images: readonly Image[]
  readonly #secrets: readonly (SecretFile & { readonly path: string; readonly mount: Mount })[]
  readonly #place: string
  readonly #firstSlot: number

  /** @param steps gets the steps that are about a mount, for messages about failed ones */
  constructor(
    plan: PlanWriter,
    { mounts, images, directory, slots, sharedMemory, secrets }: TreesInput,
    steps: Map<number, Mount>,
  ) {
    this.#plan = plan
    this.#steps = steps
    this.#firstSlot = slots
    this.#binds = mounts.filter(({ type }) => type === 'bind')
    this.#taken = mounts.filter(({ type }) => type === 'shared')
    this.#owner = sharedMemory ?? 0
    this.#images = imagesOf(mounts, images, directory)
    this.#place = secrets?.place ?? ''
    this.#secrets = (secrets?.files ?? []).map((file, index) => ({
      ...file,
      path: `${this.#place}/${index}`,
      mount: { type: 'secret', source: '', destination: file.target, options: secretOptions },
    }))
  }

  makeDirectories(): void {
    for (const { root, path } of this.#images)
      if (root.kind === 'overlay') this.#plan.makeDirectory({ path, mode: 0o755, existOk: 1 })
  }

  /** Before the mount namespace is made private: who asks for shared or slave propagation needs the source's peer group. */
  openBinds(): void {
    for (const mount of this.#binds) {
      this.#open(mount, mount.source)
      if (mount.options.some(isShared)) this.#openPeer(mount)
    }
  }

  /** What other containers have mounted: likewise. */
  takeShared(): void {
    for (const mount of this.#taken) {
      const slot = this.#nextSlot()
      this.#slots.set(mount, slot)
      this.#steps.set(this.#plan.steps, mount)
      this.#plan.treeTake({ slot, slotOwner: this.#owner, path: mount.destination })
    }
  }

  /** After that, lest the host sees what is mounted. */
  openImages(): void {
    for (const { root, path, mounts } of this.#images) {
      if (root.kind === 'overlay' && root.lowerdirs.length > 0) {
        for (const mount of mounts) this.#steps.set(this.#plan.steps, mount)
        this.#plan.rootMount({
          directory: root.directory,
          source: 'overlay',
          target: path,
          fstype: 'overlay',
          flags: MS.RDONLY,
          data: `lowerdir=${lowerdirs(root.lowerdirs, path)},redirect_dir=nofollow,metacopy=off`,
        })
      }
      for (const mount of mounts) this.#open(mount, path)
    }
  }

  /** After the binds, and likewise. What is never written to memory that is swapped is never on a disk. */
  openSecrets(): void {
    if (this.#secrets.length === 0) return
    const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC
    const target = this.#place
    this.#plan.rootMount({ directory: '/', source: 'ramfs', target, fstype: 'ramfs', flags, data: 'mode=700' })
    for (const { path, content, mode, uid, gid, mount } of this.#secrets) {
      this.#plan.writeFile({ path, mode, data: content })
      this.#plan.changeOwner({ path, uid, gid })
      this.#open(mount, path)
    }
  }

  attachSecrets(): void {
    for (const { mount } of this.#secrets) this.attach(mount)
  }

  /** Attaches what was opened for a mount. */
  attach(mount: Mount): void {
    const slot = this.#slots.get(mount) as number
    const { attrSet, attrClear, propagation, reach } = parseMountOptions(
      mount.type === 'image' ? [...mount.options, 'ro'] : mount.options,
    )
    this.#steps.set(this.#plan.steps, mount)
    this.#plan.treeAttach({
      slot,
      target: mount.destination,
      attrSet,
      attrClear,
      propagation: propagation || MS.PRIVATE,
      recursive: reach | (this.#peers.has(mount) ? treeFlags.sharedLater : 0),
      targetFlags: targetFlags.createDirectory | targetFlags.createFile,
    })
  }

  /** After all else is mounted, lest it is mounted on the host, too, and stays there. */
  share(): void {
    for (const [mount, peer] of this.#peers) {
      this.#steps.set(this.#plan.steps, mount)
      this.#plan.treeShare({ slot: this.#slots.get(mount) as number, slotPeer: peer })
    }
  }

  #open(mount: Mount, path: string): void {
    this.#slots.set(mount, this.#openTree(mount, path, mount.options.includes('rbind')))
  }

  #openPeer(mount: Mount): void {
    this.#peers.set(mount, this.#openTree(mount, mount.source, false))
  }

  #nextSlot(): number {
    return this.#firstSlot + this.#slots.size + this.#peers.size
  }

  #openTree(mount: Mount, path: string, isRecursive: boolean): number {
    const slot = this.#nextSlot()
    this.#steps.set(this.#plan.steps, mount)
    this.#plan.treeOpen({ slot, path, below: mount.subpath ?? '', recursive: isRecursive ? 1 : 0 })
    return slot
  }
}

const secretOptions = ['ro', 'nosuid', 'nodev', 'noexec']

const isShared = (option: string) => option === 'shared' || option === 'rshared'

function imagesOf(mounts: readonly Mount[], roots: TreesInput['images'], directory: string): Image[] {
  const images = new Map<string, Image>()
  for (const mount of mounts) {
    if (mount.type !== 'image') continue
    const root = roots.get(mount.source)
    if (!root) throw new Error(`the plan of a mount of image ${mount.source} is made without that image`)
    const path = root.kind === 'directory' ? root.path : `${directory}/image-${images.size}`
    const image = images.get(mount.source) ?? { root, path, mounts: [] }
    image.mounts.push(mount)
    images.set(mount.source, image)
  }
  return [...images.values()]
}

/** The kernel wants two, where nothing is to be written to: the place of the mount is an empty one. */
export function lowerdirs(own: readonly string[], target: string): string {
  return (own.length > 1 ? own : [...own, target.replace(/[\\:,]/g, '\\$&')]).join(':')
}
