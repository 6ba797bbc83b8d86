import type { PrunedImages, RemovedItem } from '../../image/index.js'
import type { Exchange } from '../exchange.js'
import { type Filters, onlyOf, truthOf } from '../filters.js'
import { knownFilters } from './filters.js'

/** `DELETE /images/{name}`. */
export async function removeImage({ engine, parameters, query }: Exchange): Promise<readonly object[]> {
  const options = { force: query.flag('force'), noPrune: query.flag('noprune') }
  return (await engine.images.remove(parameters.name ?? '', options)).map(itemDocument)
}

/** `POST /images/prune`. */
export async function pruneImages({ engine, query }: Exchange): Promise<object> {
  const filters = knownFilters(query.filters(), ['dangling', 'label', 'label!', 'until'])
  return prunedDocument(await engine.images.prune(pruneOptions(filters)))
}

function pruneOptions(filters: Filters) {
  const { label, 'label!': withoutLabel } = filters
  const until = onlyOf(filters, 'until')
  return {
    all: truthOf(filters, 'dangling') === false,
    ...(until !== undefined && { until }),
    ...(label && { label }),
    ...(withoutLabel && { withoutLabel }),
  }
}

function prunedDocument({ deleted, spaceReclaimed }: PrunedImages): object {
  return { ImagesDeleted: deleted.length > 0 ? deleted.map(itemDocument) : null, SpaceReclaimed: spaceReclaimed }
}

function itemDocument(item: RemovedItem): object {
  return 'untagged' in item ? { Untagged: item.untagged } : { Deleted: item.deleted }
}
