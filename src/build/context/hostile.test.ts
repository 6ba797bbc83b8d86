import { execFileSync } from 'node:child_process'
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDescriptors, temporaryDirectory } from '../../host/fixture.js'
import { openDirectory } from './directory-context.js'
import { closing, keyOf, makeFiles, namesOf } from './fixture.js'

describe('a context that is changed while it is read', () => {
  const open = async () => {
    const directory = makeFiles({ 'd/secret': 'public', 'e/secret': 'of the host', f: 'x' })
    const context = closing(await openDirectory(join(directory)))
    const files = await context.files((await context.expand(['.']))[0] as never)
    return { directory, context, files }
  }

  test.each([
    [
      'a file is a symlink now',
      (at: string) => {
        rmSync(join(at, 'f'))
        symlinkSync('/etc/passwd', join(at, 'f'))
      },
    ],
    [
      'a directory is a symlink now',
      (at: string) => {
        renameSync(join(at, 'd'), join(at, 'old'))
        symlinkSync('e', join(at, 'd'))
      },
    ],
    [
      'a file is a fifo now',
      (at: string) => {
        rmSync(join(at, 'f'))
        execFileSync('mkfifo', [join(at, 'f')])
      },
    ],
    [
      'a file is a device now',
      (at: string) => {
        rmSync(join(at, 'f'))
        execFileSync('mknod', [join(at, 'f'), 'c', '1', '5'])
      },
    ],
    ['a file is gone', (at: string) => rmSync(join(at, 'f'))],
    ['a file has more', (at: string) => writeFileSync(join(at, 'f'), 'more')],
  ])('is refused when %s', async (_, change) => {
    const { directory, context, files } = await open()
    change(directory)
    await expect(context.checksum(files)).rejects.toMatchObject({ code: 'CONTEXT_CHANGED' })
    await expect(context.verifyUnchanged(files)).rejects.toMatchObject({ code: 'CONTEXT_CHANGED' })
  })

  test('is not copied as something else than its checksum is of', async () => {
    const { directory, context, files } = await open()
    await context.checksum(files)
    const { entry } = files.find(({ name }) => name === 'f') as (typeof files)[0]
    expect(context.head(entry, 1000).toString()).toBe('x')
    await context.verifyUnchanged(files)
    writeFileSync(join(directory, 'f'), 'y')
    expect(() => context.head(entry, 1000)).toThrow(expect.objectContaining({ code: 'CONTEXT_CHANGED' }))
    await expect(context.verifyUnchanged(files)).rejects.toMatchObject({ code: 'CONTEXT_CHANGED' })
  })

  test('never yields what is outside, however often a directory is exchanged for a symlink', async () => {
    const outside = makeFiles({ canary: 'of the host' })
    const directory = makeFiles({ 'd/canary': 'of the context' })
    const before = openDescriptors()
    const seen = new Set<string>()
    for (let round = 0; round < 60; round++) {
      const context = await openDirectory(directory)
      const listed = context.files((await context.expand(['.']))[0] as never)
      renameSync(join(directory, 'd'), join(directory, 'away'))
      symlinkSync(outside, join(directory, 'd'))
      try {
        for (const { entry } of await listed) if (entry.kind === 'file') seen.add(context.head(entry, 1000).toString())
      } catch (error) {
        seen.add((error as { code: string }).code)
      }
      rmSync(join(directory, 'd'))
      renameSync(join(directory, 'away'), join(directory, 'd'))
      await context.close()
    }
    seen.delete('CONTEXT_CHANGED')
    seen.delete('of the context')
    expect([...seen]).toEqual([])
    expect(openDescriptors()).toBe(before)
  }, 60_000)
})

describe('what is no file', () => {
  test('is listed as what it is, and never opened', async () => {
    const directory = makeFiles({ f: '' }, temporaryDirectory())
    execFileSync('mkfifo', [join(directory, 'pipe')])
    execFileSync('mknod', [join(directory, 'device'), 'b', '7', '200'])
    const server = createServer().listen(join(directory, 'socket'))
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const context = closing(await openDirectory(directory))
    const entries = await context.list('.')
    expect(entries.map(({ path, kind }) => [path, kind])).toEqual([
      ['device', 'block'],
      ['f', 'file'],
      ['pipe', 'fifo'],
    ])
    expect(entries[0]).toMatchObject({ major: 7, minor: 200 })
    expect(await keyOf(context)).toMatch(/^sha256:/)
    expect(() => context.head(entries[2] as never, 1000)).toThrow(expect.objectContaining({ code: 'CONTEXT_INVALID' }))
  })
})

describe('names', () => {
  test('of any bytes are kept, sorted and checksummed', async () => {
    const directory = makeFiles({ 'a\nb': '1', ünï: '2', '\u{1F600}': '3', '\uFFFD': '4' })
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe])]), '5')
    const context = closing(await openDirectory(directory))
    expect(await namesOf(context, ['.'])).toEqual(['', 'a\nb', 'ünï', '\uFFFD', '\u{1F600}', '\uDCFF\uDCFE'])
    expect(await keyOf(context)).toBe(await keyOf(closing(await openDirectory(directory))))
    expect(context.head(await context.stat('\uDCFF\uDCFE'), 1000).toString()).toBe('5')
    expect(await namesOf(context, ['?nï'])).toEqual(['ünï'])
  })
})
