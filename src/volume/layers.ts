import { randomBytes } from 'node:crypto'
import {
  constants,
  copyFileSync,
  existsSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { AT_FDCWD, isAbandoned, native, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, withDescriptor } from '../host/index.js'
import { copyOwnAttributes, smallExtent } from '../layer/index.js'
import type { VolumeRecord, VolumeStore } from '../store/volumes.js'
import { makeDirectory } from './directories.js'
import { canBeLayer, hasOwnChanges } from './layer-content.js'

/** The kernel takes 500, but each is looked into for every name that is not above it. */
const maxLayers = 32

const layerName = /^[0-9a-f]{16}$/

export interface VolumeLayersOptions {
  /** `root/volumes`; exists. */
  readonly directory: string
  readonly store: VolumeStore
  /** Whether the kernel can lay an overlay over what this directory has. */
  readonly canOverlay: (directory: string) => boolean
}

/**
 * Directories that volumes share, `.layers/ID`, never written to: a volume over them has `upper`, where the kernel's overlay
 * keeps what is its own, and is mounted on its `_data` while it is used. A plain volume becomes one when it is cloned: its
 * directory becomes the first layer, of its own and of the clone. All of a volume's is called under its lock.
 *
 * The store says which layers a volume has. So does the link `layers` beside its `_data`, for a store that was restored from
 * a backup.
 */
export class VolumeLayers {
  readonly #directory: string
  readonly #store: VolumeStore
  readonly #canOverlay: VolumeLayersOptions['canOverlay']
  #isPossible: boolean | undefined
  #reflinks: boolean | undefined

  constructor({ directory, store, canOverlay }: VolumeLayersOptions) {
    this.#directory = directory
    this.#store = store
    this.#canOverlay = canOverlay
  }

  /** The layers' paths, from that of `.layers`. */
  get directory(): string {
    return `${this.#directory}/.layers`
  }

  /** Whether volumes can have layers. */
  isPossible(): boolean {
    makeDirectory(this.directory, 0o700)
    this.#isPossible ??= this.#canOverlay(this.directory)
    return this.#isPossible
  }

  /** Whether a copy of a file shares its blocks: a copy of a tree is as good as layers then, and can be made at any time. */
  hasReflinks(): boolean {
    makeDirectory(this.directory, 0o700)
    this.#reflinks ??= canReflink(this.directory)
    return this.#reflinks
  }

  /**
   * Records a clone that has all that the volume has, over layers which both share from now on.
   *
   * @param volume ready, and not in use
   * @returns undefined when it cannot have more layers, or has begun to be used; false when the clone's name is taken
   */
  async share(volume: VolumeRecord, clone: VolumeRecord, signal: AbortSignal): Promise<boolean | undefined> {
    if (volume.layers.length > 0 && !hasOwnChanges(this.upper(volume.name), this.#top(volume)))
      return this.#store.durable(() => this.#store.insert({ ...clone, layers: volume.layers }))
    if (volume.layers.length >= maxLayers || !(await canBeLayer(this.#own(volume), volume.layers.length > 0, signal)))
      return undefined
    const layer = randomBytes(8).toString('hex')
    failpoint('clone.rebase')
    // On the disk before anything is renamed: no record would know of the volume's files.
    if (!this.#store.durable(() => this.#store.beginRebase(volume.name, layer))) return undefined
    return this.#rebase({ ...volume, rebasing: layer }, (layers) => this.#store.insert({ ...clone, layers }))
  }

  /** Finishes what was cut short: the volume is over the layer that its directory was becoming. */
  finish(name: string): VolumeRecord | undefined {
    const volume = this.#store.get(name)
    if (volume?.rebasing === undefined) return volume
    this.#rebase(volume, () => true)
    return this.#store.get(name)
  }

  /** Whether there is nothing in it. */
  isEmpty({ name, layers }: VolumeRecord): boolean {
    const own = existsSync(this.upper(name)) ? [this.upper(name)] : []
    const all = [...own, ...layers.map((layer) => `${this.directory}/${layer}`)]
    return smallExtent({ layers: all, format: 'overlay' })?.entries === 0
  }

  /** Makes what a volume over layers needs on the disk; harmless when it is there. */
  prepare({ name, layers }: Pick<VolumeRecord, 'name' | 'layers'>): void {
    const home = `${this.#directory}/${name}`
    makeDirectory(home, 0o701)
    makeDirectory(`${home}/_data`, 0o755)
    makeDirectory(`${home}/work`, 0o700)
    if (!existsSync(this.upper(name))) {
      const aside = `${home}/.upper`
      makeDirectory(aside, 0o700)
      copyAttributes(`${this.directory}/${layers[0]}`, aside)
      // Nobody sees it without its attributes: they are the volume's.
      renameSync(aside, this.upper(name))
    }
    if (this.recorded(name).join() !== layers.join()) link(home, layers)
  }

  /** The layers that a volume's directory itself tells of. */
  recorded(name: string): readonly string[] {
    try {
      return readlinkSync(`${this.#directory}/${name}/layers`).split(':')
    } catch (error) {
      if (['ENOENT', 'EINVAL', 'ENOTDIR'].includes((error as { code?: string }).code ?? '')) return []
      throw error
    }
  }

  /** Whether a copy of what is a volume's own can be one more layer of those that it is over. */
  async hasFitUpper(volume: VolumeRecord, signal: AbortSignal): Promise<boolean> {
    const { layers, rebasing, name } = volume
    if (layers.length === 0 || layers.length >= maxLayers || rebasing !== undefined) return false
    return canBeLayer(this.upper(name), true, signal)
  }

  /** Removes layers of which nothing tells any more. What cannot be removed goes when the root is opened next. */
  async drop(ids: readonly string[]): Promise<void> {
    const kept = this.#store.layers()
    for (const layer of ids) if (!kept.has(layer)) await this.#remove(layer).catch(() => {})
  }

  /** Bytes of what a volume shares with no other. */
  async ownSize({ name, layers }: VolumeRecord): Promise<number> {
    const others = new Set([
      ...this.#store.list().flatMap((volume) => (volume.name === name ? [] : volume.layers)),
      ...this.#store.snapshotLayers(),
    ])
    const own = layers.filter((layer) => !others.has(layer)).map((layer) => `${this.directory}/${layer}`)
    const sizes = await Promise.all([this.upper(name), ...own].map((path) => native().treeSize(path)))
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  /** Deletes a volume's record, and removes the layers that were its alone. */
  async delete({ name, layers, rebasing }: VolumeRecord): Promise<void> {
    const had = rebasing === undefined ? layers : [rebasing, ...layers]
    if (had.length === 0) return this.#store.delete(name)
    // On the disk before any layer goes: its record would have nothing.
    this.#store.durable(() => this.#store.delete(name))
    await this.drop(had)
  }

  /** Removes layers that no volume refers to: who was to do so was killed. */
  async sweep(): Promise<void> {
    // Listed before the records are read: each is recorded before it is made.
    const found = existsSync(this.directory) ? readdirSync(this.directory) : []
    const kept = this.#store.layers()
    for (const name of found) {
      if (isAbandoned(name)) await native().removeTree(`${this.directory}/${name}`)
      else if (layerName.test(name) && !kept.has(name)) await this.#remove(name)
    }
  }

  async #remove(layer: string): Promise<void> {
    failpoint('clone.remove-layer')
    await native().removeTree(`${this.directory}/${layer}`)
  }

  /** @param also what goes into the transaction with it */
  #rebase(volume: VolumeRecord, also: (layers: readonly string[]) => boolean): boolean {
    const { name, rebasing } = volume
    const layers = [rebasing as string, ...volume.layers]
    const layer = `${this.directory}/${rebasing}`
    failpoint('clone.move')
    if (!existsSync(layer)) renameSync(this.#own(volume), layer)
    failpoint('clone.prepare')
    this.prepare({ name, layers })
    failpoint('clone.record')
    return this.#store.durable(() => {
      this.#store.setLayers(name, layers)
      return also(layers)
    })
  }

  /** What belongs to a volume alone. */
  #own({ name, layers }: VolumeRecord): string {
    return layers.length > 0 ? this.upper(name) : `${this.#directory}/${name}/_data`
  }

  /** What a volume over layers has changed. */
  upper(name: string): string {
    return `${this.#directory}/${name}/upper`
  }

  #top({ layers }: VolumeRecord): string {
    return `${this.directory}/${layers[0]}`
  }
}

function copyAttributes(from: string, to: string): void {
  const target = native().openat2(AT_FDCWD, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0)
  withDescriptor(target, () => copyOwnAttributes({ layers: [from], format: 'overlay' }, target))
}

function link(home: string, layers: readonly string[]): void {
  const aside = `${home}/.layers`
  rmSync(aside, { force: true })
  symlinkSync(layers.join(':'), aside)
  renameSync(aside, `${home}/layers`)
}

function canReflink(directory: string): boolean {
  const [one, other] = ['reflink', 'reflinked'].map((name) => `${directory}/.new-${name}-${process.pid}`) as [
    string,
    string,
  ]
  try {
    writeFileSync(one, Buffer.alloc(4096, 1))
    copyFileSync(one, other, constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch (error) {
    if (['ENOTSUP', 'EOPNOTSUPP', 'ENOTTY', 'EINVAL', 'EXDEV', 'ENOSYS'].includes((error as { code: string }).code))
      return false
    throw error
  } finally {
    for (const path of [one, other]) rmSync(path, { force: true })
  }
}
