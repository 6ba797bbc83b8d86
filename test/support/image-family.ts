import { dockerArchive, stream, tar } from './archives.js'
import type { TestStore } from './image-store.js'

let made = 0

/** An image with a layer of its own over those of `parent`, as a commit records it. */
export async function childOf(store: TestStore, parent: string, tags: readonly string[]): Promise<string> {
  const layers = [await tar({ base: 'shared' }), await tar({ file: 'x' }), await tar({ child: `${made++}` })]
  const created = new Date(Date.UTC(2024, 1, 1) + made * 1000).toISOString()
  const [image] = await store.images.load(stream(await tar(dockerArchive({ layers, document: { created } }, tags))))
  store.database
    .prepare<[string, string], never>('UPDATE images SET parent = ? WHERE id = ?')
    .run(parent, image?.id as string)
  return image?.id as string
}
