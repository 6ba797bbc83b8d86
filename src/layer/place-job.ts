import { type Native, native, O_NOFOLLOW, O_PATH, withDescriptor } from '../host/index.js'
import { decompress } from './compression.js'
import { readChunks } from './extract-job.js'
import { invalidLayer } from './layer-errors.js'
import { changeMode } from './mode-change.js'
import { splitName } from './names.js'
import type { PlacedArchive, PlacedFile, PlacedSource, PlacedText, PlaceRequest } from './place-jobs.js'
import { PlaceTarget } from './place-target.js'
import { Placer } from './placer.js'
import { PlainExtractor } from './plain-extractor.js'
import { TarReader } from './tar-reader.js'
import { isDirectory } from './tree.js'

const rootOwner = { uid: 0, gid: 0 }

/** Puts files into a tree; `checkpoint` throws when the job is aborted. */
export async function placeJob(request: PlaceRequest, checkpoint: () => void): Promise<void> {
  const { root, owner = rootOwner, mode, isLink } = request
  const directoryMode = mode?.kind === 'set' ? mode.mode & 0o777 : 0o755
  const target = new PlaceTarget(native(), { root, owner, directoryMode, isLink })
  try {
    const job = new Placing(native(), target, request, checkpoint)
    for (const source of request.sources) await job.place(source)
  } finally {
    target.close()
  }
}

class Placing {
  readonly #native: Native
  readonly #target: PlaceTarget
  readonly #request: PlaceRequest
  readonly #checkpoint: () => void

  constructor(native: Native, target: PlaceTarget, request: PlaceRequest, checkpoint: () => void) {
    this.#native = native
    this.#target = target
    this.#request = request
    this.#checkpoint = checkpoint
  }

  async place(source: PlacedSource): Promise<void> {
    this.#checkpoint()
    switch (source.kind) {
      case 'directory': {
        const at = this.#destination()
        const there = this.#target.stat(at)
        if (there !== undefined && !isDirectory(there))
          throw invalidLayer(`cannot copy to non-directory: /${at}`, { path: at })
        this.#target.ensure(at)
        new Placer(this.#native, this.#target, this.#request, source, this.#checkpoint).placeContents(source, at)
        return
      }
      case 'file': {
        const at = this.#placeOf(source)
        new Placer(this.#native, this.#target, this.#request, source, this.#checkpoint).placeFile(source, at)
        return
      }
      case 'text':
        this.#write(source)
        return
      case 'archive':
        return this.#extract(source)
      default:
        throw new Error(`unreachable: ${source satisfies never}`)
    }
  }

  /** Where it all goes; the directories on the way are made, symlinks followed. */
  #destination(): string {
    const { destination } = this.#request
    const slash = destination.lastIndexOf('/')
    const isDirectoryName = /\/\.?$/.test(destination)
    this.#target.ensure(this.#target.resolve(isDirectoryName ? destination : destination.slice(0, slash + 1)))
    return this.#target.resolve(destination)
  }

  /** Where a file goes: into a directory that is there, or in the place of what has the destination's name. */
  #placeOf({ name }: PlacedFile | PlacedText): string {
    const at = this.#destination()
    const there = this.#target.stat(at)
    if (there !== undefined && isDirectory(there)) return at === '' ? name : `${at}/${name}`
    if (this.#request.sources.length > 1)
      throw invalidLayer(
        'When using COPY with more than one source file, the destination must be a directory and end with a /',
        { path: at },
      )
    this.#target.ensure(splitName(at).directory)
    return at
  }

  #write(source: PlacedText): void {
    const { owner = rootOwner, mode } = this.#request
    const now = Date.now()
    const time = [Math.floor(now / 1000), (now % 1000) * 1e6] as const
    this.#target.make(this.#placeOf(source), (to, name) => {
      const permissions = mode === undefined ? 0o644 : changeMode(mode, 0o644, false)
      this.#native.makeFile(to, name, source.content, permissions, owner.uid, owner.gid, time, time)
    })
  }

  /** Symlinks of the archive, and of what is there, are followed as if the destination were the filesystem's root. */
  async #extract({ root, resolve, path, limits }: PlacedArchive): Promise<void> {
    const at = this.#destination()
    this.#target.ensure(at)
    const { fd } = this.#target.directory(at)
    const rules = { owner: this.#request.owner, setsRoot: false, replacesDirectories: true, skipsDevices: true }
    const place = this.#native.openat2(root, path, O_PATH | O_NOFOLLOW, 0, resolve)
    const extractor = new PlainExtractor(this.#native, { directory: fd }, '', rules)
    try {
      const reader = new TarReader(extractor, limits)
      const bytes = readChunks(`/proc/self/fd/${place}`, undefined, this.#checkpoint)
      for await (const chunk of decompress(bytes, limits)) {
        this.#checkpoint()
        reader.push(chunk)
      }
      reader.finish()
      extractor.finish()
    } finally {
      withDescriptor(place, () => extractor.close())
    }
  }
}
