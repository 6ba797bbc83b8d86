import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { existsSync, readdirSync, renameSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { InboardError } from '../errors/index.js'
import { MNT_DETACH, MS, native, UMOUNT_NOFOLLOW, withFileLock } from '../host/index.js'
import { makeDirectory, makeVolumeDirectory } from './directories.js'
import type { DriverVolume, VolumeDriver, VolumeDriverCall } from './driver.js'
import { layersFailed, localFailure, mountFailed } from './local-failure.js'
import { withLoopDevice } from './local-loop.js'
import { bindFlags, type LocalMount, localMount, serverName, withServerAddress } from './local-options.js'
import { writeOptions } from './local-record.js'
import { mountLayers } from './overlay.js'

export interface LocalDriverOptions {
  /** `root/volumes`; exists. */
  readonly directory: string
  /** The options that a volume was made with. */
  readonly optionsOf: (name: string) => Readonly<Record<string, string>>
  /** The layers that a volume is over, top first. Default: none has any. */
  readonly layersOf?: (name: string) => readonly string[]
  /** Whether nobody wants the volume's files after a power cut. Default: somebody does. */
  readonly isPassing?: (name: string) => boolean
  /** Whether the volume is mounted for anybody but the use `id`; without one, for anybody. */
  readonly othersUse: (name: string, id?: string) => boolean
}

/**
 * Docker's driver `local`: a volume is the directory `NAME/_data`, on which, when it has options, something is mounted while
 * it is used. It is mounted once for all who use it.
 *
 * Calls that were given up may still be in the kernel, for a server that does not answer: what they mount in the end, they
 * unmount, and whoever comes meanwhile waits for them.
 */
export class LocalDriver implements VolumeDriver {
  readonly #directory: string
  readonly #optionsOf: LocalDriverOptions['optionsOf']
  readonly #layersOf: NonNullable<LocalDriverOptions['layersOf']>
  readonly #isPassing: NonNullable<LocalDriverOptions['isPassing']>
  readonly #othersUse: LocalDriverOptions['othersUse']

  constructor({ directory, optionsOf, layersOf = () => [], isPassing = () => false, othersUse }: LocalDriverOptions) {
    this.#directory = directory
    this.#optionsOf = optionsOf
    this.#layersOf = layersOf
    this.#isPassing = isPassing
    this.#othersUse = othersUse
  }

  async create(name: string, options: Readonly<Record<string, string>>, { signal }: VolumeDriverCall): Promise<void> {
    signal.throwIfAborted()
    localMount(options)
    if (Object.keys(options).length > 0) {
      makeDirectory(this.#home(name), 0o700)
      writeOptions(this.#home(name), options)
    }
    makeVolumeDirectory(this.#home(name))
  }

  async remove(name: string, { signal }: VolumeDriverCall): Promise<void> {
    // A removal that was cut short has left it.
    const gone = this.#gone(name)
    await native().removeTree(gone)
    if (!existsSync(this.#home(name))) return
    await this.#locked(name, signal, async () => {
      await unmountAll(this.#data(name))
      renameSync(this.#home(name), gone)
    })
    await native().removeTree(gone)
  }

  async mount(name: string, _id: string, { signal }: VolumeDriverCall): Promise<string> {
    const target = this.#data(name)
    const layers = this.#layersOf(name)
    if (layers.length > 0) return this.#mountOver(name, layers, signal)
    const given = localMount(this.#optionsOf(name))
    if (!given) return target
    if (given.source === '')
      throw localFailure(name, given, 'missing device in volume options: make the volume again, with a device')
    makeVolumeDirectory(this.#home(name))
    await this.#locked(name, signal, async () => {
      const isThere = native().mountedAt(target)
      const mount = isThere ? given : await withAddress(name, given)
      signal.throwIfAborted()
      try {
        if (!isThere) await attach(mount, target, signal)
        // Also of one that is there: who has mounted it may have been killed before he came here.
        await adjust(mount, target)
        signal.throwIfAborted()
      } catch (error) {
        if (!isThere) await unmountAll(target)
        throw error instanceof InboardError || signal.aborted ? error : mountFailed(name, mount, target, error)
      }
    })
    return target
  }

  async #mountOver(name: string, layers: readonly string[], signal: AbortSignal): Promise<string> {
    const target = this.#data(name)
    await this.#locked(name, signal, async () => {
      if (native().mountedAt(target)) return
      try {
        await mountLayers(this.#home(name), `${this.#directory}/.layers`, layers, { isPassing: this.#isPassing(name) })
        signal.throwIfAborted()
      } catch (error) {
        await unmountAll(target)
        throw signal.aborted ? error : layersFailed(name, target, error)
      }
    })
    return target
  }

  async unmount(name: string, id: string, { signal }: VolumeDriverCall): Promise<void> {
    await this.#unmountUnless(name, signal, () => this.#othersUse(name, id))
  }

  /** Unmounts what was left mounted by somebody who was killed before he could say so. */
  async sweep(name: string, { signal }: VolumeDriverCall): Promise<void> {
    await this.#unmountUnless(name, signal, () => this.#othersUse(name))
  }

  async path(name: string): Promise<string> {
    return this.#data(name)
  }

  async get(name: string): Promise<DriverVolume | undefined> {
    const found = statSync(this.#home(name), { throwIfNoEntry: false })
    return found?.isDirectory() ? { name, mountpoint: this.#data(name), createdAt: found.birthtime } : undefined
  }

  async list(): Promise<readonly DriverVolume[]> {
    const names = readdirSync(this.#directory).filter((name) => !name.startsWith('.'))
    const found = await Promise.all(names.map((name) => this.get(name)))
    return found.filter((volume) => volume !== undefined)
  }

  async capabilities(): Promise<{ readonly scope: 'local' }> {
    return { scope: 'local' }
  }

  #home(name: string): string {
    return `${this.#directory}/${name}`
  }

  /** Where it is removed from, with a name that is never too long. */
  #gone(name: string): string {
    return `${this.#directory}/.gone-${createHash('sha256').update(name).digest('hex')}`
  }

  #data(name: string): string {
    return `${this.#directory}/${name}/_data`
  }

  async #unmountUnless(name: string, signal: AbortSignal, isUsed: () => boolean): Promise<void> {
    const target = this.#data(name)
    if (!native().mountedAt(target)) return
    await this.#locked(name, signal, async () => {
      if (!isUsed()) await unmountAll(target)
    })
  }

  /** Held until the kernel has answered, also when nobody waits for that any more. */
  #locked<Result>(name: string, signal: AbortSignal, body: () => Promise<Result>): Promise<Result> {
    return withFileLock(`${this.#home(name)}/.mounting`, body, signal)
  }
}

async function attach(mount: LocalMount, target: string, signal: AbortSignal): Promise<void> {
  const { source, type, flags, data } = mount
  const mountFrom = (device: string) => native().mount(device, target, type, flags, data.join(','))
  if (!isImage(mount)) return mountFrom(source)
  await withLoopDevice(source, (flags & MS.RDONLY) !== 0, signal, mountFrom)
}

function isImage({ source, flags, wantsLoop }: LocalMount): boolean {
  if ((flags & MS.BIND) !== 0) return false
  return wantsLoop || (source.startsWith('/') && statSync(source, { throwIfNoEntry: false })?.isFile() === true)
}

/** What mount(2) does by calls of their own. */
async function adjust(mount: LocalMount, target: string): Promise<void> {
  const flags = bindFlags(mount)
  if (mount.propagation !== 0) await native().mount('', target, '', mount.propagation, '')
  if (flags !== undefined) await native().mount('', target, '', flags, '')
}

/** Kernels know servers by their addresses only. */
async function withAddress(volume: string, mount: LocalMount): Promise<LocalMount> {
  const server = serverName(mount, (text) => isIP(text) !== 0)
  if (server === undefined) return mount
  try {
    const found = await lookup(server, { all: true })
    const { address } = found.find(({ family }) => family === 4) ?? (found[0] as { address: string })
    return withServerAddress(mount, server, address)
  } catch (cause) {
    throw localFailure(
      volume,
      mount,
      `error resolving passed in network volume address: lookup ${server}: no such host: check addr= of o`,
      cause,
    )
  }
}

async function unmountAll(target: string): Promise<void> {
  while (native().mountedAt(target)) {
    // What is mounted below a recursive bind belongs to others, and would be unmounted there too.
    await native().mount('', target, '', MS.PRIVATE | MS.REC, '')
    try {
      await native().unmount(target, UMOUNT_NOFOLLOW)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
      // Somebody on the host has it open, or there are mounts below: it goes from here now, and altogether with the last of them.
      await native().unmount(target, UMOUNT_NOFOLLOW | MNT_DETACH)
    }
  }
}
