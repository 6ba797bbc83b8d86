import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { searchImages } from './search.js'
import type { RegistryRequest, RegistryResponse, Transport } from './transport.js'

/** Docker Hub, as far as a search sees it. */
class Hub implements Transport {
  readonly asked: string[] = []

  async request({ registry, path }: RegistryRequest): Promise<RegistryResponse> {
    this.asked.push(`${registry} ${path}`)
    return { status: 200, headers: {}, body: Readable.from([Buffer.from('{"results":[]}')]), url: path }
  }

  async close() {}
}

it.each([
  ['redis', 'redis'],
  ['library/redis', 'redis'],
  ['docker.io/redis', 'redis'],
  ['index.docker.io/library/redis', 'redis'],
  ['me/redis', 'me%2Fredis'],
  ['Me/redis', 'Me%2Fredis'],
])('%s is searched at Docker Hub as %s', async (term, query) => {
  const hub = new Hub()
  await searchImages({ transport: hub, auth: undefined, tuning: {} }, term, { limit: 5 })
  expect(hub.asked).toEqual([`docker.io https://index.docker.io/v1/search?q=${query}&n=5`])
})
