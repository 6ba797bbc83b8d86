import { setTimeout as delay } from 'node:timers/promises'
import type { Roads, RoadsNow } from './host-network-types.js'
import { type ElementsOfSet, linkElements, portElements } from './ruleset.js'

/** How long containers may be between two states. */
const patienceMs = 2000
const pollMs = 2

/** What changes elements. */
interface Maps {
  put(sets: readonly ElementsOfSet[]): Promise<void>
  take(sets: readonly ElementsOfSet[]): Promise<void>
}

/**
 * Makes true what was true when it was looked at: containers have started and ended since, and their supervisors have added
 * and removed elements meanwhile. Done when nothing has changed from one look to the next.
 *
 * @param put what the maps were given
 */
export async function followRoads(maps: Maps, put: Roads, now: () => RoadsNow): Promise<void> {
  let there = elementsOf(put)
  for (const deadline = performance.now() + patienceMs; ; await delay(pollMs)) {
    const roads = now()
    const wanted = elementsOf(roads)
    const gone = [...there].filter(([key]) => !wanted.has(key))
    const come = [...wanted].filter(([key, { leadsTo }]) => there.get(key)?.leadsTo !== leadsTo)
    if (gone.length + come.length === 0 && (!roads.isChanging || performance.now() > deadline)) return
    if (gone.length > 0) await maps.take(setsOf(gone))
    if (come.length > 0) await maps.put(setsOf(come))
    there = wanted
  }
}

interface Road {
  readonly of: ElementsOfSet
  readonly leadsTo: string
}

/** By their keys. */
function elementsOf({ ports, links }: Roads): Map<string, Road> {
  const sets = [...portElements(ports), ...linkElements(links)]
  return new Map(
    sets.flatMap(({ set, elements }) =>
      elements.map((element) => [
        `${set} ${Buffer.from(element.key).toString('hex')}`,
        { of: { set, elements: [element] }, leadsTo: JSON.stringify(element.data) },
      ]),
    ),
  )
}

const setsOf = (roads: readonly (readonly [string, Road])[]) => roads.map(([, { of }]) => of)
