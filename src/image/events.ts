import type { EventSink } from '../events/types.js'
import { parseReference, type Reference } from '../reference/reference.js'
import type { LabelsOf } from './list.js'
import type { LoadedImage } from './types.js'

type Action = 'delete' | 'import' | 'load' | 'pull' | 'push' | 'save' | 'tag' | 'untag'

/** Tells of an image, as Docker does: by its ID, which is also its name, unless the event is about a name. */
export type TellImage = (action: Action, id: string, about?: { readonly id?: string; readonly name?: string }) => void

export function imageTeller(events: EventSink | undefined, labelsOf: LabelsOf): TellImage {
  return (action, id, about = {}) => {
    const labels = action === 'delete' ? {} : labelsOf(id)
    events?.record({ type: 'image', action, id: about.id ?? id, attributes: { ...labels, name: about.name ?? id } })
  }
}

/** What comes to a registry, or from one: Docker tells the name instead of the ID. */
export function tellTransfer(tell: TellImage, action: 'pull' | 'push', id: string, reference: Reference): void {
  const name = parseReference(reference.name).familiar()
  tell(action, id, { id: reference.familiar(), name })
}

/** An image that was made here: the names it was given, then what made it. */
export function tellMade(tell: TellImage, { id, references }: LoadedImage, action?: 'import'): void {
  for (const name of references) tell('tag', id, { name })
  if (action) tell(action, id)
}
