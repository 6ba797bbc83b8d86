import { extractLayer } from '../layer/index.js'
import type { AdoptOptions, SnapshotDriver } from './driver.js'

/** Makes a layer of an archive of the same files. */
export async function adoptByExtraction(
  snapshots: Pick<SnapshotDriver, 'has' | 'prepareLayer'>,
  chainId: string,
  parent: string | undefined,
  { tar, signal }: AdoptOptions,
): Promise<void> {
  if (snapshots.has(chainId)) return
  const layer = await snapshots.prepareLayer(chainId, parent, { signal })
  try {
    await extractLayer(tar, layer.path, { format: layer.format, signal })
    await layer.commit()
  } finally {
    await layer.discard()
  }
}
