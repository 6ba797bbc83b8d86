import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Engine } from '../../../src/index.js'
import { busyboxForm } from '../../support/images.js'
import type { Effect } from '../../support/scripted-registry/faults.js'
import type { ImageOptions, ScriptedImage } from '../../support/scripted-registry/images.js'
import type { ScriptedRegistry, ScriptedRegistryOptions } from '../../support/scripted-registry.js'
import type { Roots } from './scenario.js'

/** A registry with a fault: `times` is how often it happens, always by default. */
export function on(pattern: RegExp, effect: Effect, times?: number): ScriptedRegistryOptions {
  return { faults: [{ on: pattern, effect, ...(times !== undefined && { times }) }] }
}

/** An image that runs, with a layer that takes a while and one that says that it is there. */
export function runnable(options: Partial<ImageOptions> = {}): ImageOptions {
  return {
    layers: [
      readFileSync(busyboxForm('rootfs')),
      { 'ballast/noise': noise },
      { 'ballast/marker': 'whole\n', 'ballast/more': 'x'.repeat(100_000) },
    ],
    ...options,
  }
}

/** The same for all images of a test: incompressible, so that its blob is as long. */
const noise = randomBytes(1_500_000)

/** Of the layer that holds the noise. */
export function noisyLayer(image: ScriptedImage): string {
  return image.layers[1]?.digest ?? ''
}

/** What is on the disk of images. */
export function storedFiles({ root }: Roots): string[] {
  return ['content/sha256', 'content/ingest', 'snapshots']
    .flatMap((directory) => readdirSync(`${root}/${directory}`).map((name) => `${directory}/${name}`))
    .filter((path) => !['snapshots/driver', 'snapshots/lock', 'snapshots/empty-init'].includes(path))
    .sort()
}

/** What is wrong with an image that was pulled. */
export async function wrongWith(engine: Engine, reference: string, image: ScriptedImage): Promise<string[]> {
  const found = await engine.images.get(reference).catch((error) => ({ id: String(error) }))
  if (found.id !== image.config.digest) return [`the image is ${found.id}, not ${image.config.digest}`]
  const script = 'cat /ballast/marker; sha256sum < /ballast/noise; wc -c < /ballast/more'
  const { stdout } = await engine.run(reference, ['sh', '-c', script]).rm().output()
  return stdout === expected ? [] : [`the image's files are ${JSON.stringify(stdout)}`]
}

const expected = `whole\n${createHash('sha256').update(noise).digest('hex')}  -\n100000\n`

/** How many bytes of a blob a registry has sent, of how many requests. */
export function fetched(registry: ScriptedRegistry, digest: string): { requests: number; bytes: number } {
  const path = `/v2/library/x/blobs/${digest}`
  return { requests: registry.asked(new RegExp(`^GET ${path}$`)).length, bytes: registry.sent.get(path) ?? 0 }
}
