import { closeSync } from 'node:fs'
import { type Native, S_IFMT, S_IFREG, type Stat } from '../host/index.js'
import type { LayerFormat } from './extractor.js'
import {
  ifThere,
  isOpaque,
  isWhiteout,
  LayeredDirectory,
  type Located,
  openDirectory,
  openRoot,
} from './layered-directory.js'
import { checkPathLength } from './names.js'
import { isDirectory } from './tree.js'

/** A difference between a container and its image: added, changed, deleted. */
export interface Change {
  readonly kind: 'A' | 'C' | 'D'
  /** Absolute, as in the container. */
  readonly path: string
}

/** A tree, and what it was made from. */
export interface Comparison {
  /** The writable layer of an overlay, or a whole tree of its own (`merged`). One that is missing is unchanged. */
  readonly own: string
  readonly format: LayerFormat
  /** Layers, top first. */
  readonly base: readonly string[]
  /** The layer of `base` whose files' times say nothing: made anew, they are the same. */
  readonly timeless?: number
}

/** Where something is that has changed: a name in an open directory, and itself open when it is a directory. */
export interface Place {
  readonly path: string
  readonly directory: number
  readonly name: string
  readonly opened?: number
  /** It is a regular file that nobody changes, so it can be opened without looking first. */
  readonly isFixed?: boolean
}

/** Takes changes in the order of the walk: a directory before what is in it. */
export type OnChange = (kind: Change['kind'], place: Place) => void

/** A directory that has changed if anything in it has. */
interface Above extends Place {
  isTold: boolean
}

/**
 * Compares a tree that may change meanwhile with what it was made from, as Docker does: by mode, owner, device, size,
 * time and capabilities; of directories only those that name their attributes. Of an overlay only its writable layer is
 * walked.
 */
export function compareTrees(native: Native, comparison: Comparison, onChange: OnChange, checkpoint: () => void): void {
  const own = openRoot(native, comparison.own)
  if (own === undefined) return
  try {
    const base = LayeredDirectory.open(native, comparison.base)
    try {
      new Comparer(native, comparison, onChange, checkpoint).directory(own, base, '')
    } finally {
      base.close()
    }
  } finally {
    closeSync(own)
  }
}

class Comparer {
  readonly #native: Native
  readonly #isOverlay: boolean
  readonly #timeless: number | undefined
  readonly #onChange: OnChange
  readonly #checkpoint: () => void
  readonly #above: Above[] = []

  constructor(native: Native, { format, timeless }: Comparison, onChange: OnChange, checkpoint: () => void) {
    this.#native = native
    this.#isOverlay = format === 'overlay'
    this.#timeless = timeless
    this.#onChange = onChange
    this.#checkpoint = checkpoint
  }

  directory(own: number, base: LayeredDirectory | undefined, path: string): void {
    const names = new Set(this.#native.readDirectory(own).map(({ name }) => name))
    // Where the lower layers show through, what is not in the writable one is unchanged.
    const isWhole = !this.#isOverlay || isOpaque(this.#native, own)
    const below = isWhole && base !== undefined ? base.names() : []
    for (const name of [...new Set([...names, ...below])].sort()) {
      this.#checkpoint()
      const place = { path: `${path}/${name}`, directory: own, name }
      if (names.has(name)) this.#entry(place, base)
      else if (base?.find(name) !== undefined) this.#tell('D', place)
    }
  }

  #entry(place: Place, base: LayeredDirectory | undefined): void {
    const stat = this.#native.statAt(place.directory, place.name)
    if (stat === undefined) return
    const old = base?.find(place.name)
    if (this.#isOverlay && isWhiteout(stat)) {
      if (old !== undefined) this.#tell('D', place)
      return
    }
    const kind = old === undefined ? 'A' : this.#differs(place, stat, old) ? 'C' : undefined
    if (isDirectory(stat)) this.#subdirectory(place, base, kind)
    else if (kind !== undefined) this.#tell(kind, place)
  }

  /** Opened first: it is told of, and walked, as the same whatever takes its name meanwhile. */
  #subdirectory(place: Place, base: LayeredDirectory | undefined, kind: 'A' | 'C' | undefined): void {
    checkPathLength(place.path)
    const opened = openDirectory(this.#native, place.directory, place.name)
    if (opened === undefined) return
    try {
      const below = base?.enter(place.name)
      const above = { ...place, opened, isTold: kind !== undefined }
      if (kind !== undefined) this.#tell(kind, above)
      this.#above.push(above)
      try {
        this.directory(opened, below, place.path)
      } finally {
        this.#above.pop()
        below?.close()
      }
    } finally {
      closeSync(opened)
    }
  }

  #tell(kind: Change['kind'], place: Place): void {
    for (const above of this.#above) {
      if (above.isTold) continue
      above.isTold = true
      this.#onChange('C', above)
    }
    this.#onChange(kind, place)
  }

  #differs({ directory, name }: Place, stat: Stat, old: Located): boolean {
    const was = old.stat
    if (stat.mode !== was.mode || stat.uid !== was.uid || stat.gid !== was.gid) return true
    if (stat.major !== was.major || stat.minor !== was.minor) return true
    if (isDirectory(stat)) return false
    if (stat.size !== was.size || (old.layer !== this.#timeless && !isSameTime(stat, was))) return true
    return (stat.mode & S_IFMT) === S_IFREG && !this.#hasSameCapability(directory, old.directory, name)
  }

  #hasSameCapability(own: number, old: number, name: string): boolean {
    const [now, was] = [own, old].map((directory) => {
      const value = ifThere(() => this.#native.getxattrAt(directory, name, 'security.capability'))
      return Buffer.from(value ?? []).toString('latin1')
    })
    return now === was
  }
}

// As Docker: archives often have whole seconds only.
function isSameTime({ mtime: [seconds, nanoseconds] }: Stat, { mtime: [wasSeconds, wasNanoseconds] }: Stat): boolean {
  return seconds === wasSeconds && (nanoseconds === wasNanoseconds || nanoseconds === 0 || wasNanoseconds === 0)
}
