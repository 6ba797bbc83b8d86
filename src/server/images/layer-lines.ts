import type { LayerProgress } from '../../image/index.js'
import { progressFields } from '../progress.js'
import { short } from './names.js'

/** A document of what happens to one layer, as Docker's clients render it. */
export interface LayerLine {
  readonly status: string
  readonly id: string
  readonly progressDetail: object
  readonly progress?: string
}

/** The documents of layers that are fetched, in Docker's words. */
export class FetchedLayers {
  /** Layers that nothing is known of yet: which of them are to be fetched is told when the first bytes come. */
  readonly #unknown = new Set<string>()
  readonly #sizes = new Map<string, number>()
  readonly #complete = new Set<string>()

  lines(progress: LayerProgress): readonly LayerLine[] {
    const { layer, status, current = 0, total } = progress
    if (total !== undefined) this.#sizes.set(layer, total)
    switch (status) {
      case 'waiting':
        this.#unknown.add(layer)
        return []
      case 'exists':
        return this.#unknown.delete(layer) ? [line(layer, 'Already exists')] : []
      case 'downloading':
        return current === 0 ? [] : [...this.#begin(), line(layer, 'Downloading', current, total)]
      case 'verifying':
        return [...this.#begin(), ...this.#downloaded(layer, current, total)]
      case 'extracting':
        return [...this.#begin(), ...this.#downloaded(layer), line(layer, 'Extracting')]
      case 'done':
        return [...this.#begin(), ...this.#downloaded(layer), ...this.#extracted(layer)]
      default:
        return []
    }
  }

  /** By now it is known what is here. */
  #begin(): LayerLine[] {
    const begun = [...this.#unknown].map((layer) => line(layer, 'Pulling fs layer'))
    this.#unknown.clear()
    return begun
  }

  /** The checksum is made while the bytes come: it is known with the last of them. */
  #downloaded(layer: string, current?: number, total?: number): LayerLine[] {
    if (this.#complete.has(layer)) return []
    this.#complete.add(layer)
    const last = current ? [line(layer, 'Downloading', current, total)] : []
    return [...last, line(layer, 'Verifying Checksum'), line(layer, 'Download complete')]
  }

  #extracted(layer: string): LayerLine[] {
    const size = this.#sizes.get(layer)
    const whole = size === undefined ? [] : [line(layer, 'Extracting', size, size)]
    return [...whole, line(layer, 'Pull complete')]
  }
}

/** The document of a layer that is sent. */
export function sentLayer({ layer, status, current, total, from }: LayerProgress): LayerLine {
  switch (status) {
    case 'compressing':
      return line(layer, 'Compressing', current, total)
    case 'uploading':
      return line(layer, 'Pushing', current, total)
    case 'mounted':
      return line(layer, from === undefined ? 'Mounted' : `Mounted from ${from}`)
    case 'exists':
      return line(layer, 'Layer already exists')
    case 'done':
      return line(layer, 'Pushed')
    default:
      return line(layer, 'Preparing')
  }
}

/** The document of a layer of an archive; undefined for what Docker does not tell. */
export function loadedLayer({ layer, status, current, total }: LayerProgress): LayerLine | undefined {
  return status === 'extracting' || status === 'done' ? line(layer, 'Loading layer', current, total) : undefined
}

function line(layer: string, status: string, current = 0, total?: number): LayerLine {
  return { status, ...progressFields(current, total), id: short(layer) }
}
