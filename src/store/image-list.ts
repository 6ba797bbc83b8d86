import type { Database } from './database.js'

/** A line of the list of images. */
export interface ImageLine {
  readonly id: string
  /** RFC 3339, or ''. */
  readonly created_at: string
  /** Bytes of all layers' files. */
  readonly size: number
  readonly parent: string | null
  /** 1: images were committed from this one. */
  readonly has_children: 0 | 1
  /** Normalised; sorted. */
  readonly references: readonly string[]
  /** Containers of it. */
  readonly containers: number
}

/** What a list of all images tells of each of them. Every method sees the tables of one moment. */
export interface ImageList {
  /** Newest first, as their configurations tell it. */
  lines(): ImageLine[]
  /** By image: bytes of those of its layers that other images of the list have too. Intermediate images do not count. */
  sharedSizes(): Map<string, number>
  /** Bytes of the layers of all images of the list, each once. */
  layersSize(): number
}

// An image that others were committed from, and that has no name, is but a part of those.
const listed = `
  SELECT id FROM images AS image WHERE NOT is_removed AND (
    EXISTS (SELECT 1 FROM tags WHERE tags.image = image.id)
    OR NOT EXISTS (SELECT 1 FROM images AS child WHERE child.parent = image.id))`

export function openImageList({ prepare, read }: Database): ImageList {
  const images = prepare<[], Omit<ImageLine, 'references' | 'containers'>>(
    `SELECT id, created_at, size, parent, EXISTS (SELECT 1 FROM images AS child WHERE child.parent = image.id) AS has_children
       FROM images AS image WHERE NOT is_removed ORDER BY created_at DESC, id`,
  )
  const references = prepare<[], { image: string; reference: string }>(
    'SELECT image, reference FROM tags ORDER BY reference',
  )
  const containers = prepare<[], { image: string; count: number }>(
    'SELECT image, count(*) AS count FROM containers GROUP BY image',
  )
  const shared = prepare<[], { image: string; size: number }>(
    `WITH listed AS (${listed}), uses AS (
       SELECT chain_id FROM image_layers WHERE image IN listed GROUP BY chain_id HAVING count(*) > 1)
     SELECT image, sum(snapshots.size) AS size FROM image_layers JOIN uses USING (chain_id) JOIN snapshots USING (chain_id)
       GROUP BY image`,
  )
  const total = prepare<[], { size: number | null }>(
    `SELECT sum(size) AS size FROM snapshots WHERE chain_id IN (SELECT chain_id FROM image_layers WHERE image IN (${listed}))`,
  )

  const lines = (): ImageLine[] => {
    const names = new Map<string, string[]>()
    for (const { image, reference } of references.all()) {
      const known = names.get(image)
      if (known) known.push(reference)
      else names.set(image, [reference])
    }
    const counts = new Map(containers.all().map(({ image, count }) => [image, count]))
    return images.all().map((row) => ({
      ...row,
      references: names.get(row.id) ?? [],
      containers: counts.get(row.id) ?? 0,
    }))
  }

  return {
    lines: () => read(lines),
    sharedSizes: () => new Map(shared.all().map(({ image, size }) => [image, size])),
    layersSize: () => total.get()?.size ?? 0,
  }
}
