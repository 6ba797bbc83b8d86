import type { Dirent, Stats } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { reporting } from '../errors/system.js'
import { invalid, type PluginAddress, parseDescription, parseSpec, socketAddress } from './plugin-address.js'

/** Where plugins are looked for: sockets first, and each list in its order. */
export interface PluginDirectories {
  /** Have `NAME.sock` or `NAME/NAME.sock`. Default: `/run/docker/plugins`. */
  readonly sockets: readonly string[]
  /** Have `NAME.spec`, `NAME.json` or these below `NAME/`. Default: `/etc/docker/plugins` and `/usr/lib/docker/plugins`. */
  readonly specs: readonly string[]
}

export const dockerPluginDirectories: PluginDirectories = {
  sockets: ['/run/docker/plugins'],
  specs: ['/etc/docker/plugins', '/usr/lib/docker/plugins'],
}

/** An address, or PEM files' names: anything longer is something else. */
const maxSpecBytes = 64 * 1024

/** A name becomes a part of paths: nothing leads out of the directories. */
export function isPluginName(name: string): boolean {
  return /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,199}$/.test(name)
}

/**
 * Finds a plugin as Docker finds those it does not manage itself. That something answers there is not looked at.
 *
 * @returns undefined when there is none of that name
 * @throws {VolumeError} `VOLUME_DRIVER_FAILED` for a file that does not say where the plugin is
 * @see https://docs.docker.com/engine/extend/plugin_api/#plugin-discovery
 */
export async function findPlugin(name: string, directories: PluginDirectories): Promise<PluginAddress | undefined> {
  if (!isPluginName(name)) return undefined
  return reporting(`cannot look for volume plugin ${name}`, async () => {
    for (const path of candidates(directories.sockets, name, ['.sock'])) {
      if ((await statOf(path))?.isSocket()) return socketAddress(name, path, path)
    }
    for (const path of candidates(directories.specs, name, ['.spec', '.json'])) {
      const parse = path.endsWith('.json') ? parseDescription : parseSpec
      if (await statOf(path)) return parse(name, path, await readSpec(path))
    }
    return undefined
  })
}

/** The names of all plugins that {@link findPlugin} finds, of whatever kind they are. */
export async function listPlugins(directories: PluginDirectories): Promise<string[]> {
  return reporting('cannot list the volume plugins', async () => {
    const found = await Promise.all([
      ...directories.sockets.map((directory) => namesIn(directory, ['.sock'], (file) => file.isSocket())),
      ...directories.specs.map((directory) => namesIn(directory, ['.spec', '.json'], (file) => file.isFile())),
    ])
    return [...new Set(found.flat())].sort()
  })
}

function candidates(directories: readonly string[], name: string, extensions: readonly string[]): string[] {
  return directories.flatMap((directory) =>
    extensions.flatMap((extension) => [
      join(directory, `${name}${extension}`),
      join(directory, name, `${name}${extension}`),
    ]),
  )
}

async function namesIn(
  directory: string,
  extensions: readonly string[],
  isPlugin: (file: Stats) => boolean,
): Promise<string[]> {
  const isThere = async (path: string) => {
    const file = await statOf(path)
    return file !== undefined && isPlugin(file)
  }
  const nameOf = async ({ name: entry }: Dirent): Promise<string[]> => {
    const extension = extensions.find((end) => entry.endsWith(end))
    const flat = extension && entry.slice(0, -extension.length)
    if (flat && isPluginName(flat) && (await isThere(join(directory, entry)))) return [flat]
    if (!isPluginName(entry)) return []
    const nested = await Promise.all(extensions.map((end) => isThere(join(directory, entry, `${entry}${end}`))))
    return nested.includes(true) ? [entry] : []
  }
  const entries = await readdir(directory, { withFileTypes: true }).catch(absent)
  return (await Promise.all((entries ?? []).map(nameOf))).flat()
}

const statOf = (path: string): Promise<Stats | undefined> => stat(path).catch(absent)

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP') return undefined
  throw error
}

async function readSpec(path: string): Promise<string> {
  // Opening a FIFO would wait for a writer.
  if (!(await stat(path)).isFile()) throw invalid(path, 'it is not a regular file')
  await using file = await open(path)
  const { bytesRead, buffer } = await file.read(Buffer.alloc(maxSpecBytes + 1))
  if (bytesRead > maxSpecBytes) throw invalid(path, `it has more than ${maxSpecBytes} bytes`)
  return buffer.toString('utf8', 0, bytesRead)
}
