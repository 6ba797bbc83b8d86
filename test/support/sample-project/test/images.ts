import { Engine } from 'inboard'

/** Has the images that the tests want, once for all of them. */
export async function setup(): Promise<void> {
  const engine = await Engine.open()
  for (const archive of (process.env.SAMPLE_IMAGES ?? '').split(':')) await engine.images.load(archive)
  await engine.close()
}
