import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Knob } from '../launch/cgroups.js'

/** What is written where a limit is gone. */
const unlimited: Readonly<Record<string, string>> = {
  'memory.memsw.limit_in_bytes': '-1',
  'memory.swap.max': 'max',
}

/** What is to be written so that limits are as in `after`, when they are as in `before`. */
export function changedKnobs(before: readonly Knob[], after: readonly Knob[]): Knob[] {
  const had = new Map(before.map(({ path, value }) => [path, value]))
  const has = new Set(after.map(({ path }) => path))
  const changed = after.filter(({ path, value }) => had.get(path) !== value)
  const gone = before.flatMap(({ path, optional }) => {
    const value = has.has(path) ? undefined : unlimited[basename(path)]
    return value === undefined ? [] : [{ path, value, ...(optional && { optional }) }]
  })
  return [...changed, ...gone]
}

/**
 * Writes limits into cgroups; all of them, or none.
 *
 * @returns names of files that the kernel does not have, of optional ones
 * @throws what the kernel says, after what was written is undone
 */
export function writeKnobs(knobs: readonly Knob[]): string[] {
  const undo: Knob[] = []
  const missing: string[] = []
  try {
    for (const knob of inOrder(knobs)) {
      const { path, value, optional } = knob
      const before = readKnob(path)
      if (before === undefined && optional) {
        missing.push(basename(path))
        continue
      }
      write(path, value)
      undo.unshift({ path, value: before ?? '' })
    }
  } catch (error) {
    for (const { path, value } of undo) attempt(() => write(path, value))
    throw error
  }
  return missing
}

/** Of version 1, the limit of memory is never above that of memory and swap together: what grows grows from above. */
function inOrder(knobs: readonly Knob[]): Knob[] {
  const swap = knobs.find(({ path }) => basename(path) === 'memory.memsw.limit_in_bytes')
  if (!swap) return [...knobs]
  const others = knobs.filter((knob) => knob !== swap)
  const grows = swap.value === '-1' || Number(swap.value) > Number(readKnob(swap.path) ?? 0)
  return grows ? [swap, ...others] : [...others, swap]
}

/** Never makes a file: of a cgroup that is gone there is nothing. */
const write = (path: string, value: string) => writeFileSync(path, value, { flag: 'r+' })

function readKnob(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/** The first failure is told. */
function attempt(body: () => void): void {
  try {
    body()
  } catch {}
}
