import type { ContainerRecord } from '../store/containers.js'
import type { EventDraft } from './types.js'

/** What an event needs of a container. */
export type EventContainer = Pick<ContainerRecord, 'id' | 'name' | 'reference'> & {
  readonly config: Pick<ContainerRecord['config'], 'labels'>
}

/**
 * An event of a container, with Docker's attributes: its image as it was asked for, its name, its labels and its image's.
 *
 * @param imageLabels of its image; the container's own win
 * @param extra what this action adds; a label of the same name wins, as under Docker
 */
export function containerEvent(
  { id, name, reference, config }: EventContainer,
  imageLabels: Readonly<Record<string, string>>,
  action: string,
  extra: Readonly<Record<string, string>> = {},
): EventDraft {
  const attributes = { ...extra, ...imageLabels, ...config.labels, image: reference, name }
  return { type: 'container', action, id, attributes }
}
