/** How long a body takes at its quickest, in ms: a busy machine lets it wait in most of its rounds, but not in all. */
export async function quickest(rounds: number, body: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    await body()
    least = Math.min(least, performance.now() - began)
  }
  return least
}
