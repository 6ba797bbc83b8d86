import { parseReference, type Reference } from '../reference/reference.js'
import type { ImageRecords } from '../store/images.js'
import { type Catalogue, isIdPrefix, tryParse } from './catalogue.js'
import { invalidOption } from './image-errors.js'
import type { ImageRecord } from './types.js'

/** An image to be saved, and the names that it is to have in the archive. */
export interface SelectedImage {
  readonly image: ImageRecord
  readonly names: readonly Reference[]
}

/**
 * What names stand for in a save, as Docker has it: a tag is that name of an image; a repository is all of its tags; an
 * ID or a digest is an image without a name.
 *
 * @throws {NotFoundError} `IMAGE_NOT_FOUND`; {ConflictError} `AMBIGUOUS_ID`; {InvalidOptionError} `INVALID_OPTION`
 */
export function selectImages(
  catalogue: Catalogue,
  records: Pick<ImageRecords, 'tagged'>,
  names: readonly string[],
): SelectedImage[] {
  if (names.length === 0) throw invalidOption('no image to save', { option: 'names' })
  const selected = new Map<string, { image: ImageRecord; names: Map<string, Reference> }>()
  for (const name of names) {
    for (const { id, reference } of meaningsOf(catalogue, records, name)) {
      const entry = selected.get(id) ?? { image: catalogue.get(id), names: new Map() }
      if (reference) entry.names.set(reference.toString(), reference)
      selected.set(id, entry)
    }
  }
  return [...selected.values()].map(({ image, names }) => ({ image, names: [...names.values()] }))
}

interface Meaning {
  readonly id: string
  readonly reference?: Reference
}

function meaningsOf(catalogue: Catalogue, records: Pick<ImageRecords, 'tagged'>, name: string): Meaning[] {
  const reference = tryParse(name)
  const tags = reference ? records.tagged(reference.name) : []
  if (reference && reference.tag === undefined && reference.digest === undefined && tags.length > 0)
    return tags.map((row) => ({ id: row.image, reference: parseReference(row.reference) }))
  const image = catalogue.get(name)
  const isNamed = reference?.tag !== undefined && reference.digest === undefined && !isIdPrefix(image.id, name)
  return [{ id: image.id, ...(isNamed && { reference }) }]
}
