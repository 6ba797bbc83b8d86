import { nanoseconds } from '../spec/moment.js'
import type { ImageRecords } from '../store/images.js'
import type { Catalogue } from './catalogue.js'
import type { HistoryEntry, ImageRecord } from './types.js'

/** A line of `docker history`. */
export interface ImageHistoryEntry {
  /** The ID of the image that the step made where that is here, else `<missing>`. */
  readonly id: string
  /** Undefined when the image does not say. */
  readonly createdAt: Date | undefined
  /** The command that made it; '' when the image does not say. */
  readonly createdBy: string
  /** Bytes of the files of its layer; 0 when the step made none. */
  readonly size: number
  readonly comment: string
  /** The names of that image, as Docker shows them. */
  readonly tags: readonly string[]
}

const missing = '<missing>'

/** The steps of an image's making, newest first. */
export function imageHistory(
  records: Pick<ImageRecords, 'snapshot' | 'has'>,
  catalogue: Pick<Catalogue, 'get'>,
  image: ImageRecord,
): ImageHistoryEntry[] {
  const steps = withSizes(records, image).reverse()
  let maker: ImageRecord | undefined = image
  return steps.map(({ entry, size }) => {
    const made = maker
    // A step for each image between this one and the first that is not here.
    maker = made?.parent !== undefined && records.has(made.parent) ? catalogue.get(made.parent) : undefined
    const at = nanoseconds(entry.created ?? '')
    return {
      id: made?.id ?? missing,
      createdAt: at === undefined ? undefined : new Date(Number(at / 1_000_000n)),
      createdBy: entry.created_by ?? '',
      size,
      comment: entry.comment ?? '',
      tags: made?.references ?? [],
    }
  })
}

/** Steps that made a layer come in the order of the layers; a document may list more of them than it has layers. */
function withSizes(
  records: Pick<ImageRecords, 'snapshot'>,
  { history, layers }: ImageRecord,
): { entry: HistoryEntry; size: number }[] {
  let position = 0
  return history.map((entry) => {
    const layer = entry.empty_layer ? undefined : layers[position++]
    return { entry, size: (layer && records.snapshot(layer.chainId)?.size) ?? 0 }
  })
}
