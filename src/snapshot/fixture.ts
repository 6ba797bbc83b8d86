import { archive, bytesOf, type Member } from '../layer/fixture.js'
import { chainIds, extractLayer } from '../layer/index.js'
import type { SnapshotDriver } from './index.js'

/** For tests: the chain of so many layers, top first. */
export function chainOf(layers: number): string[] {
  return chainIds(Array.from({ length: layers }, (_, index) => `sha256:${String(index).padStart(64, 'a')}`)).reverse()
}

/** For tests: extracts layers, bottom first; their chain. */
export async function commitLayers(
  snapshots: SnapshotDriver,
  layers: readonly (readonly Member[])[],
): Promise<string[]> {
  const upwards = chainOf(layers.length).reverse()
  for (const [index, members] of layers.entries()) {
    const layer = await snapshots.prepareLayer(upwards[index] as string, upwards[index - 1])
    await extractLayer(bytesOf(archive(...members)), layer.path, { format: layer.format })
    await layer.commit()
  }
  return upwards.reverse()
}
