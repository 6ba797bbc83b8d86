import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../../host/fixture.js'
import { archive, describeTree, hardlink, member, symlink } from '../../layer/fixture.js'
import { openDownload } from '../../registry/download-url.js'
import { repository } from '../context/git-fixture.js'
import { attributesOf, done, filesOf, type Setting, tryInstruction } from './fixture.js'

const tar = archive(
  { name: './', kind: 'directory', mode: 0o700 },
  { name: 'd/', kind: 'directory', mode: 0o750, uid: 5, gid: 6 },
  { name: 'd/f', content: 'from the archive', mode: 0o4755, uid: 7, gid: 8 },
  hardlink('d/g', 'd/f'),
  symlink('l', 'd/f'),
  { name: 'null', kind: 'character', mode: 0o666, major: 1, minor: 3 },
  { name: 'fifo', kind: 'fifo' },
)
const extracted = { 'd/': '', 'd/f': 'from the archive', 'd/g': 'from the archive', l: '-> d/f' }
const compressed = (program: string) => execFileSync(program, ['-c'], { input: tar, maxBuffer: 1 << 26 })

/** A context whose files are of bytes. */
function contextOf(files: Record<string, Uint8Array>): string {
  const directory = temporaryDirectory('/dev/shm')
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  return directory
}

describe('archives', () => {
  it.each([
    ['plain', () => tar],
    ['gzip', () => gzipSync(tar)],
    ['bzip2', () => compressed('bzip2')],
    ['xz', () => compressed('xz')],
    ['zstd', () => compressed('zstd')],
  ])('%s are extracted, whatever they are called, without devices', async (_, make) => {
    const context = contextOf({ 'any.name': make() })
    const root = await done('ADD any.name /at/new', { context })
    expect(filesOf(root)).toEqual(prefixed('at/new', extracted))
    expect(['at/new', 'at/new/d', 'at/new/d/f'].map((path) => attributesOf(root, path))).toEqual([
      '0755 0:0',
      '0750 5:6',
      '4755 7:8',
    ])
    expect(statSync(join(root, 'at/new/d/f')).ino).toBe(statSync(join(root, 'at/new/d/g')).ino)
    expect(statSync(join(root, 'at/new/d/f')).mtimeMs).toBe(1_700_000_000_000)
  })

  it('are everything --chown says, and nothing of what --chmod says', async () => {
    const root = await done('ADD --chown=3:4 --chmod=600 a /at/', { context: contextOf({ a: tar }) })
    expect(attributesOf(root, 'at/d')).toBe('0750 3:4')
    expect(attributesOf(root, 'at/d/f')).toBe('4755 3:4')
  })

  it.each([
    ['ADD --unpack=false a /at/', { 'at/': '', 'at/a': tar.toString() }],
    ['COPY a /at/', { 'at/': '', 'at/a': tar.toString() }],
    ['ADD text /at', { at: 'no archive' }],
    ['ADD cut /at', { at: tar.subarray(0, 300).toString() }],
    ['ADD a text /at/', { ...prefixed('at', extracted), 'at/text': 'no archive' }],
    ['ADD dir /at/', { 'at/': '', 'at/inner': tar.toString() }],
  ])('%s', async (text, files) => {
    const context = contextOf({ a: tar, text: Buffer.from('no archive'), cut: tar.subarray(0, 300) })
    mkdirSync(join(context, 'dir'))
    writeFileSync(join(context, 'dir/inner'), tar)
    expect(filesOf(await done(text, { context }))).toEqual(files)
  })

  it('replace what is there, but merge directories', async () => {
    const root: Setting['root'] = { 'd/f/x': 'a directory', 'd/kept': 'kept', l: 'a file' }
    const made = await done('ADD a /', { context: contextOf({ a: tar }), root })
    expect(filesOf(made)).toEqual({ ...extracted, 'd/kept': 'kept' })
  })

  it('that break off fail the step', async () => {
    const large = archive({ name: 'f', content: 'x'.repeat(100_000) })
    const context = contextOf({ a: gzipSync(large).subarray(0, 150) })
    await expect(done('ADD a /', { context })).rejects.toMatchObject({ code: 'LAYER_INVALID' })
  })
})

describe('hostile archives', () => {
  it.each([
    ['a name that climbs', [member({ name: '../canary', content: 'taken' })], 'LAYER_ESCAPES'],
    ['an absolute name', [member({ name: '/outside/canary', content: 'taken' })], undefined],
    [
      'a symlink out, and a file through it',
      [symlink('s', '../../outside'), { name: 's/canary', content: 'taken' }],
      'LAYER_INVALID',
    ],
    [
      'an absolute symlink, and a file through it',
      [symlink('s', '/'), { name: 's/canary', content: 'taken' }],
      undefined,
    ],
    [
      'a hard link to what is outside',
      [hardlink('h', '../../outside/canary'), { name: 'h', content: 'taken' }],
      'LAYER_ESCAPES',
    ],
    ['a hard link through a symlink', [symlink('s', '/outside'), hardlink('h', 's/canary')], 'LAYER_INVALID'],
    ['a huge size', [{ name: 'f', size: 2 ** 42, content: 'x' }], 'LAYER_TOO_LARGE'],
  ] as const)('with %s reach nothing outside of the destination', async (_, members, code) => {
    const base = temporaryDirectory('/dev/shm')
    for (const path of ['root/in', 'root/outside', 'outside']) mkdirSync(join(base, path), { recursive: true })
    for (const path of ['root/outside', 'outside']) writeFileSync(join(base, path, 'canary'), 'alive')
    symlinkSync('/outside', join(base, 'root/in/there'))
    const before = [describeTree(join(base, 'outside')), describeTree(join(base, 'root/outside'))]
    const context = contextOf({ a: archive(...members) })
    const outcome = await done('ADD a /in', { context, root: join(base, 'root') }).then(
      () => undefined,
      (error) => error.code,
    )
    expect(outcome).toBe(code)
    expect([describeTree(join(base, 'outside')), describeTree(join(base, 'root/outside'))]).toEqual(before)
    expect(readdirSync(base).sort()).toEqual(['outside', 'root'])
  })
})

describe('what is downloaded', () => {
  const settings = { download: openDownload }

  async function serve(): Promise<{ url: string; requests: string[] }> {
    const requests: string[] = []
    const server = createServer((request, response) => {
      requests.push(request.url ?? '')
      response.setHeader('last-modified', 'Wed, 01 Jan 2020 00:00:00 GMT')
      if (request.url?.startsWith('/named'))
        response.setHeader('content-disposition', 'attachment; filename="../given"')
      response.end(request.url?.includes('tar') ? tar : 'content')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(async () => void (await new Promise((resolve) => server.close(resolve))))
    return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, requests }
  }

  it('has the name of its URL, the mode 600, and the time of Last-Modified', async () => {
    const { url } = await serve()
    const root = await done(`ADD ${url}/a/file.txt?x=1 ${url}/b ${url}/named/ /d/`, { settings })
    expect(filesOf(root)).toEqual({ 'd/': '', 'd/file.txt': 'content', 'd/b': 'content', 'd/given': 'content' })
    expect(attributesOf(root, 'd/b')).toBe('0600 0:0')
    expect(statSync(join(root, 'd/b')).mtimeMs).toBe(Date.UTC(2020, 0, 1))
  })

  it('is extracted only when that is asked for', async () => {
    const { url } = await serve()
    expect(filesOf(await done(`ADD ${url}/x.tar /d/`, { settings }))).toEqual({ 'd/': '', 'd/x.tar': tar.toString() })
    const root = await done(`ADD --unpack --chown=9 ${url}/x.tar /d/`, { settings })
    expect(filesOf(root)).toEqual(prefixed('d', extracted))
    expect(attributesOf(root, 'd/d/f')).toBe('4755 9:9')
  })

  it('is what its checksum says, and needs no request to be known then', async () => {
    const { url, requests } = await serve()
    const sum = `sha256:${createHash('sha256').update('content').digest('hex')}`
    const root = await done(`ADD --checksum=${sum} --chmod=644 ${url}/f /f`, { settings })
    expect(attributesOf(root, 'f')).toBe('0644 0:0')
    const other = `sha256:${'0'.repeat(64)}`
    await expect(done(`ADD --checksum=${other} ${url}/f /f`, { settings })).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    })
    const before = requests.length
    const known = await tryInstruction(`ADD --checksum=${sum} ${url}/f /f`, { settings })
    const unknown = await tryInstruction(`ADD ${url}/f /f`, { settings })
    expect([known.step.quickKey === undefined, unknown.step.quickKey === undefined]).toEqual([false, true])
    expect(requests).toHaveLength(before)
  })

  it('is removed from where it was kept, whether the step was done or found', async () => {
    const { url } = await serve()
    const trial = await tryInstruction(`ADD ${url}/f /f`, { settings })
    await trial.step.key()
    expect(readdirSync(trial.temporary)).toHaveLength(1)
    await trial.execute()
    await trial.step.dispose?.()
    expect(readdirSync(trial.temporary)).toEqual([])
    expect(readFileSync(join(trial.root, 'f'), 'utf8')).toBe('content')
    const { step, temporary } = await tryInstruction(`ADD ${url}/f ${url}/f /d/`, { settings })
    await step.key()
    await step.dispose?.()
    expect(readdirSync(temporary)).toEqual([])
    expect([trial.temporary, temporary].flatMap(descriptorsBelow)).toEqual([])
  })

  it.each([
    ['ADD --checksum=sha256:00 a /a', 'checksum requires HTTP(S) or Git sources'],
    [
      'ADD --checksum=sha256:00 http://127.0.0.1:1/a http://127.0.0.1:1/b /a',
      "checksum can't be specified for multiple sources",
    ],
    ['ADD --checksum=md5:00 http://127.0.0.1:1/a /a', 'invalid checksum "md5:00"'],
    ['ADD http://127.0.0.1:1/a /a', '127.0.0.1:1'],
  ])('%s fails', async (text, message) => {
    await expect(done(text, { context: { a: '' }, settings })).rejects.toThrow(message)
  })
})

describe('a git repository', () => {
  it('is copied as its commit has it, from the directory that is named, without what git keeps', async () => {
    const { url, first } = await repository()
    const root = await done(`ADD --exclude=out ${url}#v1 /at`)
    expect(filesOf(root)).toEqual({
      ...prefixed('at', { Dockerfile: 'FROM a', 'sub/': '', 'sub/f': '1', '.dockerignore': 'ignored', ignored: '' }),
    })
    expect(filesOf(await done(`ADD ${url}#v1:sub /at`))).toEqual(prefixed('at', { f: '1' }))
    expect(filesOf(await done(`ADD --chown=3 --keep-git-dir ${url} /at`))['at/.git/HEAD']).toBe(`${first}\n`)
  })

  it('is known by its commit, and needs not be fetched then', async () => {
    const { url, first, other } = await repository()
    const keyOf = async (text: string) => {
      const { step } = await tryInstruction(text)
      return await step.key().finally(() => step.dispose?.())
    }
    const quickKeyOf = async (text: string) => (await tryInstruction(text)).step.quickKey
    expect(await quickKeyOf(`ADD ${url}#v1 /at`)).toBeUndefined()
    expect(await quickKeyOf(`ADD git://127.0.0.1:1/gone.git#${first} /at`)).toEqual(
      await quickKeyOf(`ADD ${url}#${first} /at`),
    )
    const keys = await Promise.all(['#v1', '', '#other'].map((ref) => keyOf(`ADD ${url}${ref} /at`)))
    expect(keys[0]).toEqual(keys[1])
    expect(keys[0]).not.toEqual(keys[2])
    await done(`ADD --checksum=${other} ${url}#other /at`)
    await expect(done(`ADD --checksum=${first} ${url}#other /at`)).rejects.toThrow(
      `expected checksum to match ${first}, got ${other}`,
    )
  })
})

/** What this process has open of a directory. */
function descriptorsBelow(directory: string): string[] {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return targets.filter((target) => target.startsWith(directory))
}

function prefixed(directory: string, files: Record<string, string>): Record<string, string> {
  const parents = directory.split('/').map((_, at, names) => [`${names.slice(0, at + 1).join('/')}/`, ''])
  return {
    ...Object.fromEntries(parents),
    ...Object.fromEntries(Object.entries(files).map(([name, content]) => [`${directory}/${name}`, content])),
  }
}
