import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { readTextFile, withFileLock } from '../host/index.js'

// What resolvers read, in a directory of a root: a record file for each network with names, and a view for each container
// that is on one. The supervisor (native/supervisor/names.c) writes the same files in the same way.

/** Which names a container has on a network, and which addresses they lead to. */
export interface NameRecord {
  /** Its id. */
  readonly container: string
  readonly ipv4?: string
  readonly ipv6?: string
  /** Its own first: the one that its address is said to have. */
  readonly names: readonly string[]
}

/** What a container's resolver knows. */
export interface NamesView {
  /** Ids of its networks with names, in order. */
  readonly networks: readonly string[]
  /** Links: names of its own for other containers, by names that they have on its networks. */
  readonly aliases: readonly { readonly alias: string; readonly container: string }[]
  /** Where the rest is asked, in order; none when it is `internal`. */
  readonly servers: readonly string[]
  /** None of its networks reaches outside. */
  readonly internal: boolean
  /** It was asked for an `ndots` of its own: names without a dot are containers' only, and asked nowhere else. */
  readonly ndots: boolean
}

/** The first line of a network's record file. */
export function recordHeader(network: string): string {
  return fields('network', network)
}

/** A container's line in it. Names that are told apart by case only are one. */
export function recordLine({ container, ipv4 = '-', ipv6 = '-', names }: NameRecord): string {
  const folded = names.map((name) => name.toLowerCase())
  return fields(container, ipv4, ipv6, ...names.filter((_, at) => folded.indexOf(folded[at] as string) === at))
}

/** A container's view. */
export function viewContent({ networks, aliases, servers, internal, ndots }: NamesView): string {
  const lines = [
    ...networks.map((network) => fields('network', network)),
    ...aliases.map(({ alias, container }) => fields('alias', alias, container)),
    ...(internal ? ['internal'] : servers.map((server) => fields('server', server))),
    ...(ndots ? ['ndots'] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function fields(...words: readonly string[]): string {
  const bad = words.find((word) => word === '' || /[\s\0]/.test(word))
  if (bad !== undefined) throw new RangeError(`A field of a name record: ${JSON.stringify(bad)}`)
  return words.join(' ')
}

/** Puts a container's line into a network's record file, for any that it has there. */
export async function addNames(
  directory: string,
  network: { readonly id: string; readonly name: string },
  record: NameRecord,
): Promise<void> {
  const line = recordLine(record)
  await changeLines(`${directory}/${network.id}`, (lines) => [
    ...(lines.length > 0 ? without(lines, record.container) : [recordHeader(network.name)]),
    line,
  ])
}

/** The same, if it has one: a container that has ended meanwhile gets no names any more. */
export async function replaceNames(directory: string, network: string, record: NameRecord): Promise<void> {
  const line = recordLine(record)
  await changeLines(`${directory}/${network}`, (lines) => {
    const others = without(lines, record.container)
    return others.length < lines.length ? [...others, line] : lines
  })
}

/** Takes a container's line out of a network's record file, if it is there. */
export async function removeNames(directory: string, network: string, container: string): Promise<void> {
  const path = `${directory}/${network}`
  // The names of a network that has gone went with it, and its lock must not be made again.
  const lines = linesOf(path)
  if (without(lines, container).length < lines.length) await changeLines(path, (lines) => without(lines, container))
}

/** Removes a network's record file: nobody is on it. */
export async function removeRecordFile(directory: string, network: string): Promise<void> {
  const path = `${directory}/${network}`
  await withFileLock(lockOf(path), () => {
    failpoint('names.remove-file')
    rmSync(path, { force: true })
    rmSync(asideOf(path), { force: true })
    rmSync(lockOf(path), { force: true })
  })
}

/** Gives a container's resolver another view. One at a time for a container. */
export function writeView(directory: string, container: string, view: NamesView): void {
  publish(`${directory}/${container}`, viewContent(view))
}

/**
 * Takes out all names of a container that does not run any more, then its view.
 *
 * @param networks all there are: its view may have been changed while it ended
 */
export async function forgetNames(directory: string, container: string, networks: readonly string[]): Promise<void> {
  const view = `${directory}/${container}`
  for (const network of networks) await removeNames(directory, network, container)
  failpoint('names.remove-view')
  rmSync(view, { force: true })
  rmSync(asideOf(view), { force: true })
}

/** A record file's lines, changed under its lock; what stays the same is not written. */
async function changeLines(path: string, change: (lines: string[]) => string[]): Promise<void> {
  await withFileLock(lockOf(path), () => {
    const before = linesOf(path)
    const after = change(before)
    if (after.length !== before.length || after.some((line, at) => line !== before[at]))
      publish(path, after.map((line) => `${line}\n`).join(''))
  })
}

function without(lines: readonly string[], container: string): string[] {
  return lines.filter((line) => !line.startsWith(`${container} `))
}

function publish(path: string, content: string): void {
  failpoint('names.write')
  writeFileSync(asideOf(path), content)
  // Resolvers are nobody's, whatever this process's umask is.
  chmodSync(asideOf(path), 0o644)
  failpoint('names.rename')
  renameSync(asideOf(path), path)
}

function linesOf(path: string): string[] {
  return (readTextFile(path) ?? '').split('\n').filter((line) => line !== '')
}

const lockOf = (path: string) => `${path}.lock`

/** In the same directory; a writer that was killed has left its own. */
function asideOf(path: string): string {
  const slash = path.lastIndexOf('/') + 1
  return `${path.slice(0, slash)}.new-${path.slice(slash)}`
}
