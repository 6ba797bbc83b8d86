import type { ImageFilters, ImageSummary } from '../../image/index.js'
import type { Exchange } from '../exchange.js'
import { onlyOf, truthOf } from '../filters.js'
import { knownFilters } from './filters.js'

const filterNames = ['before', 'dangling', 'label', 'reference', 'since', 'until']

/** `GET /images/json`. */
export async function listImages({ engine, query, minor }: Exchange): Promise<readonly object[]> {
  const images = await engine.images.list({ all: query.flag('all'), filters: filtersOf(query) })
  const hasSharedSize = query.flag('shared-size')
  return images.map((image) =>
    imageDocument(image, minor, { Containers: -1, SharedSize: hasSharedSize ? image.sharedSize : -1 }),
  )
}

function filtersOf(query: Exchange['query']): ImageFilters {
  const filters = knownFilters(query.filters(), filterNames)
  const { before, label, since } = filters
  // Clients older than filters of names had a parameter for one.
  const reference = [...(filters.reference ?? []), ...query.texts('filter')]
  const dangling = truthOf(filters, 'dangling')
  const until = onlyOf(filters, 'until')
  return {
    ...(before && { before }),
    ...(dangling !== undefined && { dangling }),
    ...(label && { label }),
    ...(reference.length > 0 && { reference }),
    ...(since && { since }),
    ...(until !== undefined && { until }),
  }
}

/** An image as lists have it; what is -1 was not looked at. */
export function imageDocument(
  image: ImageSummary,
  minor: number,
  { Containers, SharedSize }: { readonly Containers: number; readonly SharedSize: number },
): object {
  const { id, parentId, createdAt, size, labels } = image
  return {
    Containers,
    Created: createdAt === undefined ? 0 : Math.floor(createdAt.getTime() / 1000),
    Id: id,
    Labels: Object.keys(labels).length > 0 ? labels : null,
    ParentId: parentId ?? '',
    ...namesOf(image, minor),
    SharedSize,
    Size: size,
    ...(minor < 44 && { VirtualSize: size }),
  }
}

/** Before 1.43, an image without names had names that say so, and one without those of one kind no list of them. */
function namesOf({ repoTags, repoDigests }: ImageSummary, minor: number) {
  if (minor >= 43) return { RepoDigests: repoDigests, RepoTags: repoTags }
  if (repoTags.length === 0 && repoDigests.length === 0)
    return { RepoDigests: ['<none>@<none>'], RepoTags: ['<none>:<none>'] }
  return { RepoDigests: orNull(repoDigests), RepoTags: orNull(repoTags) }
}

const orNull = (names: readonly string[]) => (names.length > 0 ? names : null)
