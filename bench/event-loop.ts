import { setImmediate } from 'node:timers'

/** The longest time, in milliseconds, for which the event loop was kept from its next turn while `action` ran. */
export async function longestBlockMs(action: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let last = performance.now()
  let running = true
  const turn = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  await action()
  running = false
  return longest
}
