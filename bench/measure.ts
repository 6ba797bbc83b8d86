import { setTimeout as delay } from 'node:timers/promises'
import type { Peer, Times } from './peers/peer.js'

export interface Measured {
  readonly peer: Peer
  readonly times: readonly Times[]
}

/** Runs in a row of the same peer, before the next one's turn. */
const turn = 10

/** Every peer in turns of ten runs, one after the other without a pause. */
export async function backToBack(peers: readonly Peer[], runs: number, slowRuns: number): Promise<Measured[]> {
  const measured = peers.map((peer) => ({ peer, times: [] as Times[], runs: peer.slow ? slowRuns : runs }))
  for (const { peer } of measured) await peer.run()
  while (measured.some(isUnfinished)) {
    for (const entry of measured) {
      for (let count = 0; count < turn && isUnfinished(entry); count++) entry.times.push(await entry.peer.run())
    }
  }
  return measured
}

/** One start every `everyMs` and no more, the peers in turns of one: what a start costs that comes alone. */
export async function isolated(
  peers: readonly Peer[],
  runs: number,
  slowRuns: number,
  everyMs: number,
): Promise<Measured[]> {
  const measured = peers.map((peer) => ({ peer, times: [] as Times[], runs: peer.slow ? slowRuns : runs }))
  while (measured.some(isUnfinished)) {
    for (const entry of measured.filter(isUnfinished)) {
      const next = delay(everyMs)
      entry.times.push(await entry.peer.run())
      await next
    }
  }
  return measured
}

function isUnfinished({ times, runs }: { readonly times: readonly Times[]; readonly runs: number }): boolean {
  return times.length < runs
}
