import type { Engine } from 'inboard'
import { inParallel } from '../parallel.js'
import { median, printTarget, quantile } from '../statistics.js'

/** Many containers that run: listed at once, and inspected one by one. */
export async function measureLists(engine: Engine, count: number, rounds: number): Promise<void> {
  const run = () => engine.run('busybox', ['sleep', '1000000']).network('none')
  const containers = await inParallel(count, 20, run)
  const lists: number[] = []
  for (let round = 0; round < rounds * 4; round++) {
    const began = performance.now()
    const listed = await engine.containers.list()
    lists.push(performance.now() - began)
    if (listed.length < count) throw new Error(`${listed.length} of ${count} containers are listed`)
  }
  const inspected: number[] = []
  for (const container of containers) {
    const began = performance.now()
    await container.inspect()
    inspected.push(performance.now() - began)
  }
  await inParallel(count, 20, (index) => containers[index]?.remove({ force: true }))
  console.log(
    `\n${count} running containers: listed in ${median(lists).toFixed(1)} ms (first ${lists[0]?.toFixed(1)}), inspected in ${median(inspected).toFixed(3)} ms each (p99 ${quantile(inspected, 0.99).toFixed(3)})`,
  )
  printTarget(`a list of ${count} running containers`, median(lists), 30, ' ms')
  printTarget('inspect', median(inspected), 1, ' ms')
}
