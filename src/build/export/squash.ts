import type { HistoryEntry } from '../../image/index.js'
import type { StageResult } from '../stage-state.js'

/**
 * The history of an image whose own layers became one, as the classic builder tells it: what was done made no layer, a last
 * entry made that of all.
 *
 * @param id of the image as it would be with all its layers
 * @param hasLayer whether anything has changed at all
 */
export function squashedHistory(
  { history, base }: Pick<StageResult, 'history' | 'base'>,
  id: string,
  hasLayer: boolean,
): readonly HistoryEntry[] {
  const own = base?.history ?? 0
  const comment = base ? `merge ${id} to ${base.image}` : `create new from ${id}`
  const entries = history.map((entry, at) => (at < own ? entry : { ...entry, empty_layer: true }))
  return [...entries, { comment, ...(!hasLayer && { empty_layer: true }) }]
}
