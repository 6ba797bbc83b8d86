import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { imageArchive } from '../support/images.js'
import { removeAll } from './support/invariants.js'
import { newPlace, type Place } from './support/place.js'
import { runProgram } from './support/program.js'

test('roots of one host that pick subnets at the same moment pick different ones', async () => {
  using first = newPlace()
  using second = newPlace()
  using third = newPlace()
  using fourth = newPlace()
  const image = imageArchive('busybox')
  const places = [first, second, third, fourth]

  await Promise.all(places.map(({ roots }) => runProgram('rootOfNetworks', { roots, image, count: 5 })))

  const picked = (await Promise.all(places.map(cleared))).flat()
  expect(picked).toHaveLength(24)
  expect(new Set(picked).size).toBe(24)
})

/** The subnets of a root, which is emptied. */
async function cleared({ roots }: Place): Promise<readonly string[]> {
  const engine = await Engine.open(roots)
  const networks = await engine.networks.list({ filters: { driver: 'bridge' } })
  const inspected = await Promise.all(networks.map(async ({ id }) => (await engine.networks.get(id)).inspect()))
  await removeAll(engine)
  await engine.networks.prune()
  await engine.close()
  return inspected.flatMap(({ IPAM }) => IPAM.Config.map(({ Subnet }) => Subnet))
}
