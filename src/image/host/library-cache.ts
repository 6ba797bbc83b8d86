const magic = 'glibc-ld.so.cache1.1'
const oldMagic = 'ld.so-1.7.0'
const headerBytes = 48
const entryBytes = 24
const oldHeaderBytes = 16
const oldEntryBytes = 12

/**
 * Reads ldconfig's cache: the paths of each library name, those for any processor before those for newer ones. What is
 * malformed is left out; the paths are checked by whoever opens them.
 *
 * @see ldconfig(8); the format is that of glibc ≥ 2.2, alone or behind the older one
 */
export function parseLibraryCache(bytes: Buffer): ReadonlyMap<string, readonly string[]> {
  const libraries = new Map<string, string[]>()
  const start = findStart(bytes)
  if (start === undefined) return libraries
  const cache = bytes.subarray(start)
  const isLittleEndian = endianness(cache)
  const u32 = (at: number) => (isLittleEndian ? cache.readUInt32LE(at) : cache.readUInt32BE(at))
  const count = Math.min(u32(20), Math.floor((cache.length - headerBytes) / entryBytes))
  const special: [string, string][] = []
  for (let index = 0; index < count; index++) {
    const at = headerBytes + index * entryBytes
    const name = textAt(cache, u32(at + 4))
    const path = textAt(cache, u32(at + 8))
    if (name === undefined || path === undefined || !path.startsWith('/')) continue
    const needsProcessor = u32(at + 16) !== 0 || u32(at + 20) !== 0
    if (needsProcessor) special.push([name, path])
    else libraries.set(name, [...(libraries.get(name) ?? []), path])
  }
  for (const [name, path] of special) libraries.set(name, [...(libraries.get(name) ?? []), path])
  return libraries
}

function findStart(bytes: Buffer): number | undefined {
  const isAt = (text: string, at: number) => bytes.toString('latin1', at, at + text.length) === text
  if (bytes.length < headerBytes) return undefined
  if (isAt(magic, 0)) return 0
  if (!isAt(oldMagic, 0)) return undefined
  const count = bytes.readUInt32LE(oldMagic.length + 1)
  const at = Math.ceil((oldHeaderBytes + count * oldEntryBytes) / 8) * 8
  return at + headerBytes <= bytes.length && isAt(magic, at) ? at : undefined
}

/** Newer versions say it; older ones have 0 and are of this machine. */
function endianness(cache: Buffer): boolean {
  const flags = (cache[28] as number) & 3
  return flags === 0 ? new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 : flags === 2
}

function textAt(cache: Buffer, at: number): string | undefined {
  const end = at < cache.length ? cache.indexOf(0, at) : -1
  return end < 0 || end - at > 4096 ? undefined : cache.toString('utf8', at, end)
}
