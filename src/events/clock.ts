const nsPerMs = 1_000_000n

/** The host's clock as the kernel tells it, in nanoseconds since the epoch: Node's own tells milliseconds. */
export function openClock(): () => bigint {
  let offset = 0n
  return () => {
    const ms = BigInt(Date.now()) * nsPerMs
    const steady = process.hrtime.bigint()
    const now = steady + offset
    if (now >= ms && now < ms + nsPerMs) return now
    // The first time, and whenever the clock was set.
    offset = ms - steady
    return ms
  }
}
