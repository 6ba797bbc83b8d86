import { execFileSync } from 'node:child_process'
import { type Dirent, linkSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** What differs afterwards, or what Docker says. */
export type CopyOutcome = readonly string[] | string

/** One kind of source, to every kind of destination. */
export interface CopyCase {
  readonly name: string
  readonly source: string
  readonly followLink: boolean
  readonly copies: readonly Copy[]
}

export interface Copy {
  readonly destination: string
  /** The directory that it has for itself. */
  readonly place: string
  readonly in: CopyOutcome
  readonly out: CopyOutcome
}

interface Facts {
  readonly trees: Readonly<Record<'from' | 'to', string>>
  readonly matrix: Readonly<
    Record<string, Readonly<Record<string, CopyOutcome | { readonly in: CopyOutcome; readonly out: CopyOutcome }>>>
  >
}

const { trees, matrix }: Facts = JSON.parse(
  readFileSync(new URL('../conformance/facts/copy.json', import.meta.url), 'utf8'),
)

/** Every kind of source to every kind of destination, as Docker copies it, or refuses to. */
export const copyCases: readonly CopyCase[] = Object.entries(matrix).map(([name, destinations], index) => ({
  name,
  source: name.replace(/^-L /, ''),
  followLink: name.startsWith('-L '),
  copies: Object.entries(destinations).map(([destination, outcome], place) => ({
    destination,
    place: `${index}-${place}`,
    ...(typeof outcome === 'object' && 'in' in outcome ? outcome : { in: outcome, out: outcome }),
  })),
}))

/** What is copied. */
export function makeSource(directory: string): string {
  return make(directory, trees.from)
}

/** What it meets, once for each case. */
export function makeDestinations(directory: string): string {
  const places = copyCases.flatMap(({ copies }) => copies.map(({ place }) => place))
  make(join(directory, 'new'), trees.to)
  for (const place of places) linkTree(join(directory, 'new'), join(directory, place))
  return directory
}

/** Files are never written to, but replaced. */
function linkTree(from: string, to: string): void {
  mkdirSync(to)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [original, name] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) linkTree(original, name)
    else linkSync(original, name)
  }
}

function make(directory: string, script: string): string {
  mkdirSync(directory, { recursive: true })
  execFileSync('bash', ['-ec', script], { cwd: directory })
  return directory
}

/** The table's names for what has others in a test. */
export type Names = Readonly<Record<'HOST' | 'BOX' | 'NAME', string>>

/**
 * Makes all copies of a case and tells what became of them, by destination: as Docker's, where theirs are alike.
 *
 * @param copy copies to a destination in a case's place
 */
export async function outcomes(
  direction: 'in' | 'out',
  { name, copies }: CopyCase,
  destinations: string,
  copy: (place: string, destination: string) => Promise<unknown>,
  namesOf: (place: string) => Names,
) {
  const made = await Promise.all(
    copies.map(async (one) => {
      const error = await copy(one.place, one.destination).then(
        () => undefined,
        (failure: Error) => failure.message,
      )
      const news = whatIsNew(destinations, one.place)
      const said = error === undefined || news.length > 0 ? news : inTheTablesWords(error, namesOf(one.place))
      return { destination: one.destination, docker: one[direction], ours: said }
    }),
  )
  return made.filter(
    ({ destination, docker, ours }) => !isOtherwise(direction, name, destination) && !isAlike(docker, ours),
  )
}

/** Where we do otherwise: outwards alone Docker tells the two ends apart, and cannot copy what is in a directory to a link to one. */
function isOtherwise(direction: 'in' | 'out', source: string, destination: string): boolean {
  if (direction === 'in') return false
  return destination === 'missing/.' || (source.endsWith('/.') && /^to-d\/\.?$/.test(destination))
}

/** Of a path that is not there ours tell all, theirs as much as is missing, or none of it. */
function isAlike(docker: CopyOutcome, ours: CopyOutcome): boolean {
  if (typeof docker === 'string' && typeof ours === 'string')
    return ours.endsWith(docker.replace(/^lstat (?:HOST|BOX)\S+/, ''))
  return JSON.stringify(docker) === JSON.stringify(ours)
}

function inTheTablesWords(message: string, names: Names): string {
  return Object.entries(names)
    .sort(([, a], [, b]) => b.length - a.length)
    .reduce((text, [stands, name]) => text.replaceAll(name, stands), message.replace('in volume ', 'in container '))
}

/** What a place has that was not there before. */
function whatIsNew(destinations: string, place: string): string[] {
  const before = new Set(entriesOf(join(destinations, 'new')))
  return entriesOf(join(destinations, place)).filter((entry) => !before.has(entry))
}

function entriesOf(directory: string, below = ''): string[] {
  return readdirSync(join(directory, below), { withFileTypes: true })
    .flatMap((entry) => {
      const name = join(below, entry.name)
      if (entry.isDirectory()) return [`${name}/`, ...entriesOf(directory, name)]
      return [describe(entry, name, join(directory, name))]
    })
    .sort()
}

function describe(entry: Dirent, name: string, path: string): string {
  if (entry.isSymbolicLink()) return `${name}->${readlinkSync(path)}`
  if (entry.isFile()) return `${name}=${readFileSync(path, 'utf8').trim()}`
  return `${name}|${entry.isFIFO() ? 'p' : 'c'}`
}
