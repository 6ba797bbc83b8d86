import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import type { ScriptedImage } from '../support/scripted-registry/images.js'
import { ScriptedRegistry } from '../support/scripted-registry.js'
import { inconsistencies, violations } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { runProgram, startProgram } from './support/program.js'
import { Random, seed } from './support/random.js'
import { runnable, storedFiles, wrongWith } from './support/registry-image.js'

const kills = 50

test('a pulling process killed at random moments corrupts nothing and leaks nothing', async () => {
  const chosen = seed()
  const random = new Random(chosen)
  await using registry = await ScriptedRegistry.start({
    faults: [{ on: /./, effect: { kind: 'slow', chunk: 200_000, everyMs: 10 } }],
  })
  const image = await registry.addImage('library/x', runnable())
  const reference = `${registry.host}/library/x`
  using place = newPlace()
  // The second one is as fast as those that are killed.
  await undisturbedMs(place, reference)
  const whole = await undisturbedMs(place, reference)
  const corrupt: string[] = []
  const leaked: string[] = []
  let finished = 0
  let inTheMiddle = 0
  for (let kill = 0; kill < kills; kill++) {
    const after = random.below(whole)
    const asked = registry.requests.length
    const { process, ended } = await startProgram('pull', { roots: place.roots, reference })
    // The first thing that it says is that it begins.
    await once(process.stdout as Readable, 'data')
    const timer = setTimeout(() => process.kill('SIGKILL'), after)
    await ended
    clearTimeout(timer)
    const found = await opened(place, reference, image)
    if (found.isThere) finished++
    else if (registry.requests.length > asked) inTheMiddle++
    corrupt.push(...found.corrupt.map((what) => `killed after ${after} ms: ${what}`))
    leaked.push(...found.leaked.map((what) => `killed after ${after} ms: ${what}`))
  }
  leaked.push(...(await violations(place.roots)))
  console.log(`seed ${chosen}: ${kills} faults, ${corrupt.length} corrupt, ${leaked.length} leaked`)
  console.log(`${inTheMiddle} of them in the middle of the pull, ${finished} after its end`)
  expect({ corrupt, leaked }).toEqual({ corrupt: [], leaked: [] })
})

/** How long a pull takes with nobody to end it; the image is removed again. */
async function undisturbedMs(place: Place, reference: string): Promise<number> {
  const said = (await runProgram('pull', { roots: place.roots, reference })) as { tookMs?: number }[]
  const engine = await Engine.open(place.roots)
  await engine.images.remove(reference, { force: true })
  await engine.close()
  return said[1]?.tookMs as number
}

/** What the next process finds: nothing of the image, or all of it; it is gone afterwards. */
async function opened({ roots }: Place, reference: string, image: ScriptedImage) {
  const engine = await Engine.open(roots)
  const isThere = await engine.images.get(reference).then(
    () => true,
    () => false,
  )
  const leaked = await inconsistencies(engine, roots)
  if (!isThere) leaked.push(...storedFiles(roots))
  const corrupt = isThere ? await wrongWith(engine, reference, image) : []
  if (isThere) await engine.images.remove(reference, { force: true })
  await engine.close()
  return { isThere, leaked, corrupt }
}
