import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { tarEnd, tarHeader } from './tar-writer.js'

const megabyte = 1024 * 1024
const layerMegabytes = 400
const random = randomBytes(megabyte)

/** A layer with one big file: what is not compressible in the window of gzip, or all zeros. */
function* bigLayer(content: Buffer): Generator<Buffer> {
  yield tarHeader({ kind: 'file', name: 'big', mode: 0o644, size: layerMegabytes * megabyte })
  for (let written = 0; written < layerMegabytes; written++) yield content
  yield tarEnd
}

async function write(path: string, content: Buffer, compression: 'gzip' | 'zstd'): Promise<void> {
  const plain = compression === 'zstd' ? `${path}.tar` : path
  const level = content === random ? 0 : 1
  const transforms = compression === 'gzip' ? [createGzip({ level })] : []
  await pipeline([Readable.from(bigLayer(content)), ...transforms, createWriteStream(plain)])
  if (compression === 'zstd') execFileSync('zstd', ['-q', '-1', '--rm', plain, '-o', path])
}

/** The most memory that a process of its own has needed, in megabytes. */
function peakOf(layer: string, target: string, how: 'path' | 'stream'): number {
  const program = `
    import { createReadStream, readFileSync } from 'node:fs'
    import { extractLayer } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
    const [layer, target, how] = process.argv.slice(1)
    const { size } = await extractLayer(how === 'path' ? layer : createReadStream(layer), target, { format: 'overlay' })
    if (size !== ${layerMegabytes * megabyte}) throw new Error('The layer has ' + size + ' bytes.')
    console.log(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])`
  const options = ['--import', 'tsx', '--input-type=module', '-e', program, layer, target, how]
  return Number(execFileSync(process.execPath, options, { encoding: 'utf8' })) / 1024
}

describe('memory stays flat, whatever the size of a file', () => {
  test.each([
    ['gzip', 'random', 'stream'],
    ['gzip', 'zeros', 'path'],
    ['zstd', 'random', 'path'],
  ] as const)(
    '%s of %s bytes, from a %s',
    async (compression, content, how) => {
      const directory = temporaryDirectory()
      const layer = join(directory, 'layer')
      await write(layer, content === 'random' ? random : Buffer.alloc(megabyte), compression)
      expect(peakOf(layer, directory, how)).toBeLessThan(200)
    },
    60_000,
  )
})
