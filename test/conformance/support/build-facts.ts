import { readFileSync } from 'node:fs'
import type { ImageFact } from '../../support/build-cases/saved-image.js'

export type BuildFact = (ImageFact & { readonly error?: undefined }) | { readonly error: string }

/** A file of facts/build: a line for each case, by its name. */
export function readFacts(file: string | URL): Record<string, BuildFact> {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return Object.fromEntries(
    lines.map((line) => {
      const { name, ...fact } = JSON.parse(line)
      return [name, fact]
    }),
  )
}
