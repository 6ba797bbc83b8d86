import { setTimeout as delay } from 'node:timers/promises'

/** What a real leak costs, and what a busy machine may take: the kernel clears namespaces one after the other. */
const patienceMs = 30_000

/**
 * A container's end is told before its teardown is done, and the kernel removes the interfaces of a namespace that has died
 * when it comes to it: what goes before patience does was no leak.
 */
export async function settled(look: () => Promise<string[]>): Promise<string[]> {
  for (const deadline = performance.now() + patienceMs; ; ) {
    const found = await look()
    if (found.length === 0 || performance.now() > deadline) return found
    // Whoever is waited for needs the processor, too.
    await delay(5)
  }
}
