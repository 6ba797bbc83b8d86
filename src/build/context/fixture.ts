import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryDirectory } from '../../host/fixture.js'
import type { BuildContext } from './build-context.js'
import { type ContextOptions, openDirectory } from './directory-context.js'

/** Names with content; what begins with an arrow is a symlink's target. */
export type Files = Readonly<Record<string, string>>

export function makeFiles(files: Files, directory = temporaryDirectory('/dev/shm')): string {
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), path)
    else writeFileSync(path, content)
  }
  return directory
}

export function closing<Context extends AsyncDisposable>(context: Context): Context {
  onTestFinished(() => context[Symbol.asyncDispose]())
  return context
}

export async function openFiles(files: Files, options: ContextOptions = {}): Promise<BuildContext> {
  return closing(await openDirectory(makeFiles(files), options))
}

/** The checksum of what `COPY paths` copies. */
export async function keyOf(context: BuildContext, paths: readonly string[] = ['.'], exclude: readonly string[] = []) {
  const sources = await context.expand(paths, { exclude })
  const files = await Promise.all(sources.map((source) => context.files(source, { exclude })))
  return context.checksum(files.flat())
}

/** The names of all that `COPY paths` copies. */
export async function namesOf(context: BuildContext, paths: readonly string[], exclude: readonly string[] = []) {
  const sources = await context.expand(paths, { exclude })
  const files = await Promise.all(sources.map((source) => context.files(source, { exclude })))
  return files.flat().map(({ name }) => name)
}
