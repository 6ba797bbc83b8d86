import type { Digest } from '../content/digest.js'
import { parseReference, type Reference } from '../reference/reference.js'
import { nanoseconds, parseMoment } from '../spec/moment.js'
import type { ImageLine, ImageList } from '../store/image-list.js'
import type { Catalogue } from './catalogue.js'
import { compileGlob } from './host/patterns.js'
import { hasLabels, type LabelFilter } from './labels.js'

/** Options of {@link Images.list}. */
export interface ListImagesOptions {
  /** Also intermediate images: those without a name that others were committed from. Default false. */
  readonly all?: boolean
  /** Default: none. */
  readonly filters?: ImageFilters
}

/** Docker's filters of `docker images`; an image has to pass all of them. */
export interface ImageFilters {
  /**
   * A name, or a pattern with `*`, `?` and `[a-z]`, as Docker shows names: a repository (`redis`: all its tags), or one
   * with a tag (`redis:7*`). Of several, one has to match; an image is listed with the names that do.
   */
  readonly reference?: string | readonly string[]
  /** `key` or `key=value`; of several, all must be there. */
  readonly label?: LabelFilter
  /** true: only images without a tag, that no other was committed from; false: only those with a name. */
  readonly dangling?: boolean
  /** Made before this image, by name or ID; of several, before the oldest. */
  readonly before?: string | readonly string[]
  /** Made after this image, by name or ID; of several, after the newest. */
  readonly since?: string | readonly string[]
  /** Made before this moment: a Date, ms, an RFC 3339 time, or an age such as `24h`. */
  readonly until?: Date | number | string
}

/** A line of `docker images`. */
export interface ImageSummary {
  readonly id: Digest
  /** The local image that it was committed from. */
  readonly parentId: Digest | undefined
  /** As Docker shows them: `redis:7`. Sorted. */
  readonly repoTags: readonly string[]
  /** Names by the digest of a manifest: `redis@sha256:...`. Sorted. */
  readonly repoDigests: readonly string[]
  /** Undefined when the image does not say. */
  readonly createdAt: Date | undefined
  /** Bytes of all layers' files. */
  readonly size: number
  /** Bytes of those of its layers that other images have too. */
  readonly sharedSize: number
  /** How many containers there are of it. */
  readonly containers: number
  readonly labels: Readonly<Record<string, string>>
}

export type LabelsOf = (id: string) => Readonly<Record<string, string>>

interface Names {
  readonly tags: readonly string[]
  readonly digests: readonly string[]
}

/**
 * The images that pass the filters, newest first.
 *
 * @param labelsOf asked for those that pass the filters that cost less
 */
export function listImages(
  { list, catalogue, labelsOf }: { list: ImageList; catalogue: Pick<Catalogue, 'get'>; labelsOf: LabelsOf },
  { all = false, filters = {} }: ListImagesOptions,
): ImageSummary[] {
  const { label, dangling } = filters
  const isInTime = timeFilter(filters, (nameOrId) => nanoseconds(catalogue.get(nameOrId).createdAt))
  const namesOf = nameFilter(filters.reference)
  const lines = list.lines()
  const shared = list.sharedSizes()
  const summaries: { at: bigint; summary: ImageSummary }[] = []
  for (const line of lines) {
    const at = nanoseconds(line.created_at)
    if (!isInTime(at)) continue
    const names = namesOf(line.references)
    if (!isListed(line, names, { all, dangling, isNamed: filters.reference !== undefined })) continue
    const labels = labelsOf(line.id)
    if (!hasLabels(labels, label)) continue
    summaries.push({ at: at ?? 0n, summary: toSummary(line, names, at, shared.get(line.id) ?? 0, labels) })
  }
  return summaries.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).map(({ summary }) => summary)
}

function isListed(
  line: ImageLine,
  { tags, digests }: Names,
  { all, dangling, isNamed }: { all: boolean; dangling: boolean | undefined; isNamed: boolean },
): boolean {
  if (dangling === true && (tags.length > 0 || line.has_children)) return false
  if (tags.length > 0 || digests.length > 0) return true
  return !isNamed && dangling !== false && (all || !line.has_children)
}

function timeFilter(
  { before = [], since = [], until }: ImageFilters,
  createdAt: (nameOrId: string) => bigint | undefined,
): (at: bigint | undefined) => boolean {
  // As in Docker, an image that does not say when it was made bounds nothing.
  const timesOf = (images: string | readonly string[]) => [images].flat().flatMap((image) => createdAt(image) ?? [])
  const ends = timesOf(before)
  if (until !== undefined) ends.push(parseMoment('until', until))
  const begins = timesOf(since)
  if (ends.length === 0 && begins.length === 0) return () => true
  return (at) => at !== undefined && ends.every((end) => at < end) && begins.every((begin) => at > begin)
}

/** As Docker's: a pattern is compared with a name's short form, with its tag or digest and without. */
function nameFilter(patterns: ImageFilters['reference']): (references: readonly string[]) => Names {
  const globs = patterns === undefined ? undefined : [patterns].flat().map((pattern) => compileGlob(pattern))
  const matches = (familiar: string, reference: Reference) => {
    const bare = familiar.slice(0, familiar.length - (reference.toString().length - reference.name.length))
    return !globs || globs.some((glob) => glob.test(familiar) || glob.test(bare))
  }
  return (references) => {
    const tags: string[] = []
    const digests: string[] = []
    for (const text of references) {
      const reference = parseReference(text)
      const familiar = reference.familiar()
      if (!matches(familiar, reference)) continue
      if (reference.digest === undefined) tags.push(familiar)
      else digests.push(familiar)
    }
    return { tags, digests }
  }
}

function toSummary(
  line: ImageLine,
  { tags, digests }: Names,
  at: bigint | undefined,
  sharedSize: number,
  labels: Readonly<Record<string, string>>,
): ImageSummary {
  return {
    id: line.id as Digest,
    parentId: (line.parent ?? undefined) as Digest | undefined,
    repoTags: tags,
    repoDigests: digests,
    createdAt: at === undefined ? undefined : new Date(Number(at / 1_000_000n)),
    size: line.size,
    sharedSize,
    containers: line.containers,
    labels,
  }
}
