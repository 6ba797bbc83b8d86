import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { archivesIn, newPlace, startRepository } from './support/place.js'
import { startProgram } from './support/program.js'

const unified = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => existsSync(`${path}/cgroup.controllers`))

test.skipIf(unified === undefined)('a container whose committer is killed does not stay frozen', async () => {
  await using registry = await startRepository()
  using place = newPlace()
  const archives = { ...(await archivesIn(place)), repository: registry.repository }
  const point = { name: 'commit.pack', call: 1 }
  const { ended } = await startProgram('scenario', { roots: place.roots, archives, point })
  expect((await ended).signal).toBe('SIGKILL')
  await using engine = await Engine.open(place.roots)
  const container = await engine.containers.get('longer')
  const rootId = readFileSync(`${place.roots.root}/id`, 'utf8').trim()
  const events = () => readFileSync(`${unified}/inboard-${rootId}/${container.id}/cgroup.events`, 'utf8')
  await expect.poll(events).toContain('frozen 0')
  const { stdout } = await container.exec(['echo', 'moves'])
  const images = await engine.images.list()
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  expect(stdout).toBe('moves\n')
  expect(images.some(({ repoTags }) => repoTags.includes('committed:latest'))).toBe(false)
})
