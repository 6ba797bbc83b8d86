import { parseReference, withDefaultTag } from '../reference/reference.js'
import type { ImageRecord } from './types.js'

export interface ListImagesOptions {
  /** A name, or a pattern with `*` and `?`: a repository (`redis`, all its tags) or one with a tag (`redis:7*`). */
  readonly reference?: string
  /** `key` or `key=value`; of several, all must be there. */
  readonly label?: string | readonly string[]
  /** true: only images without a name; false: only those with one. */
  readonly dangling?: boolean
}

/** Docker's filters of `docker images`. */
export function filterImages(images: readonly ImageRecord[], options: ListImagesOptions): ImageRecord[] {
  const { reference, label = [], dangling } = options
  const labels = typeof label === 'string' ? [label] : label
  const matches = reference === undefined ? () => true : matcher(reference)
  return images.filter((image) => {
    if (dangling !== undefined && dangling !== (image.references.length === 0)) return false
    return (
      labels.every((wanted) => hasLabel(image, wanted)) && (reference === undefined || image.references.some(matches))
    )
  })
}

function hasLabel({ config }: ImageRecord, wanted: string): boolean {
  const [key = '', ...rest] = wanted.split('=')
  const value = config.Labels?.[key]
  return value !== undefined && (rest.length === 0 || value === rest.join('='))
}

function matcher(pattern: string): (reference: string) => boolean {
  const glob = globPattern(pattern)
  return (text) => {
    const reference = withDefaultTag(parseReference(text))
    const name = text.slice(0, text.length - (reference.tag?.length ?? 0) - 1)
    // Docker compares with and without the tag, in the familiar and in the whole form.
    return [text, name, reference.toString(), reference.name].some((form) => glob.test(form))
  }
}

/** Like Go's path.Match: wildcards stop at slashes. */
function globPattern(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace(/\*+/g, '[^/]*')
    .replace(/\?/g, '[^/]')
  try {
    return new RegExp(`^${source}$`)
  } catch {
    return new RegExp(`^${pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
  }
}
