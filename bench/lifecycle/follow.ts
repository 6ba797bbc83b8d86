import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from 'inboard'
import { median, printTarget, quantile } from '../statistics.js'

/**
 * From a line that is written to a container's `cat` until whoever follows its log has it: more than from the moment that
 * `cat` writes it, by the way to its stdin and through it.
 */
export async function measureFollow(engine: Engine, lines: number): Promise<void> {
  const io = await engine.run('busybox', ['cat']).network('none').interactive().attach()
  io.stdout.resume()
  const entries = io.container.logs({ follow: true })[Symbol.asyncIterator]()
  const latencies: number[] = []
  for (let line = 0; line < lines; line++) {
    const next = entries.next()
    // It comes to one that waits.
    await delay(10)
    const began = performance.now()
    io.stdin.write(`line ${line}\n`)
    await next
    latencies.push(performance.now() - began)
  }
  await entries.return()
  io.stdin.end()
  await Promise.all([io.exit, once(io.stdout, 'close')])
  await io.container.remove()
  console.log(
    `\nfollow, ${lines} lines, one at a time: median ${median(latencies).toFixed(2)} ms, p99 ${quantile(latencies, 0.99).toFixed(2)} ms`,
  )
  printTarget("follow latency, with the way to the program's stdin", median(latencies), 2, ' ms')
}
