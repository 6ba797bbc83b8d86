import type { DiskUsage, DiskUsageType, VolumeUsage } from '../../engine/disk-usage.js'
import { listDocument } from '../containers/list-document.js'
import { imageDocument } from '../images/list.js'
import { volumeDocumentOf } from '../volumes/documents.js'

/**
 * `GET /system/df`.
 *
 * @param types what was asked for; undefined: everything
 */
export function diskUsageDocument(usage: DiskUsage, minor: number, types: readonly DiskUsageType[] | undefined) {
  const { layersSize, images, containers, volumes, buildCache, summary } = usage
  const of = <Document>(type: DiskUsageType, documents: () => readonly Document[]) =>
    types === undefined || types.includes(type) ? documents() : null
  return {
    LayersSize: layersSize,
    Images: of('image', () =>
      images.map((image) =>
        imageDocument(image, minor, { Containers: image.containers, SharedSize: image.sharedSize }),
      ),
    ),
    Containers: of('container', () => containers.map(listDocument)),
    Volumes: of('volume', () => volumes.map(volumeUsageDocument)),
    BuildCache: of('build-cache', () => buildCache.map((record) => cacheDocument(record, minor))),
    ...(minor < withoutBuilderSizeMinor && { BuilderSize: summary.buildCache.size }),
  }
}

const withoutBuilderSizeMinor = 42

function volumeUsageDocument(volume: VolumeUsage) {
  return { ...volumeDocumentOf(volume), UsageData: { RefCount: volume.links, Size: volume.size } }
}

function cacheDocument(record: DiskUsage['buildCache'][number], minor: number) {
  return {
    ID: record.id,
    ...(minor < withoutBuilderSizeMinor && { Parent: '' }),
    Type: record.type,
    Description: record.description,
    InUse: record.inUse,
    Shared: record.shared,
    Size: record.size,
    CreatedAt: record.createdAt.toISOString(),
    LastUsedAt: record.lastUsedAt.toISOString(),
    UsageCount: record.usageCount,
  }
}
