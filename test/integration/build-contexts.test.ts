import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, mkdirSync, readdirSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { BuildBuilder, Engine } from '../../src/index.js'
import { contextOf } from '../support/build-context.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { serveRepository } from '../support/git-repository.js'

let place: TestEngine
let engine: Engine

beforeAll(async () => {
  place = await testEngine()
  engine = place.engine
})
afterAll(async () => {
  const leaks = await place.leaks()
  await place[Symbol.asyncDispose]()
  expect(leaks).toEqual([])
})

const all = 'FROM busybox\nCOPY . /c\n'

/** The names of the files that a build has copied to /c. */
async function copied(build: BuildBuilder): Promise<string[]> {
  const { id } = await build
  const { stdout } = await engine.run(id, ['sh', '-c', 'cd /c && find . ! -type d']).rm().output()
  return stdout.split('\n').filter(Boolean).sort()
}

/** A tar of a directory. */
const tarOf = (directory: string, ...options: string[]) =>
  execFileSync('tar', ['-C', directory, ...options, '-c', '.'], { maxBuffer: 2 ** 26 })

/** An HTTP server on loopback that has these files. */
async function serveFiles(files: Readonly<Record<string, Buffer | string>>): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    const body = files[url.slice(1)]
    response.writeHead(body === undefined ? 404 : 200).end(body)
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const files = { Dockerfile: all, a: '', 'sub/b': '', 'sub/c': '' }

describe('a directory', () => {
  test('has what its ignore file leaves', async () => {
    const context = contextOf({ ...files, '.dockerignore': 'sub\n!sub/c\n.dockerignore\n' })
    expect(await copied(engine.build(context))).toEqual(['./Dockerfile', './a', './sub/c'])
  })

  test('has what the ignore file of its Dockerfile leaves', async () => {
    const context = contextOf({
      ...files,
      'docker/dev': all,
      'docker/dev.dockerignore': '*\n!a\n',
      '.dockerignore': 'a\n',
    })
    expect(await copied(engine.build(context).file('docker/dev'))).toEqual(['./a'])
  })

  test('is the context of a Dockerfile that is given as text, which is none of its files', async () => {
    const context = contextOf({ a: '', b: '', '.dockerignore': 'b\n.d*\n', 'Dockerfile.dockerignore': 'a\n' })
    expect(await copied(engine.build(context).dockerfile(all))).toEqual(['./Dockerfile.dockerignore', './a'])
  })

  test('is the context of a Dockerfile that is elsewhere, with the ignore file beside that', async () => {
    const context = contextOf({ a: '', b: '', '.dockerignore': 'a\n' })
    const elsewhere = contextOf({ plain: all, own: all, 'own.dockerignore': '*\n!b\n' })
    expect(await copied(engine.build(context).file(join(elsewhere, 'own')))).toEqual(['./b'])
    expect(await copied(engine.build(context).file(join(elsewhere, 'plain')))).toEqual(['./.dockerignore', './b'])
    await expect(engine.build(context).file(join(elsewhere, 'none'))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  test('is read only where the build reads', async () => {
    const context = contextOf({ Dockerfile: 'FROM busybox\nCOPY read dir/read /\n', read: 'x', 'dir/read': 'x' })
    for (const name of ['huge', 'dir/huge']) {
      writeFileSync(join(context, name), 'not to be read')
      truncateSync(join(context, name), 2 ** 42)
    }
    execFileSync('mkfifo', [join(context, 'pipe')])
    // With an access before its change, a file's next read is recorded by the kernel.
    const names = ['read', 'dir/read', 'huge', 'dir/huge']
    for (const name of names) utimesSync(join(context, name), 1, 2)
    await engine.build(context)
    const isRead = names.map((name) => statSync(join(context, name)).atimeMs > 1000)
    expect(isRead).toEqual([true, true, false, false])
  })

  test('that nothing is copied of is not opened, when the Dockerfile is elsewhere', async () => {
    const elsewhere = contextOf({ Dockerfile: 'FROM busybox\nRUN true\n' })
    const url = 'http://127.0.0.1:1/context.tar'
    await engine.build(url).file(join(elsewhere, 'Dockerfile'))
    await expect(engine.build(url).dockerfile('FROM busybox\nCOPY a /\n')).rejects.toMatchObject({
      code: 'CONTEXT_UNAVAILABLE',
    })
  })

  test('has no paths outside of it, neither by .. nor by symlinks', async () => {
    const context = contextOf({
      Dockerfile: all,
      up: '-> ../../../etc/passwd',
      root: '-> /etc/passwd',
      'etc/passwd': 'own',
    })
    const build = (line: string) => engine.build(context).dockerfile(`FROM busybox\n${line}\n`)
    await expect(build('COPY ../x /')).rejects.toMatchObject({
      code: expect.stringMatching(/^(CONTEXT_INVALID|FILE_NOT_FOUND)$/),
      line: 2,
    })
    await expect(build('COPY ../../etc/passwd /')).rejects.toThrow()
    const { id } = await build('COPY up root /c/')
    const { stdout } = await engine.run(id, ['sh', '-c', 'cat /c/*']).rm().output()
    expect(stdout).toBe('ownown')
    const { id: whole } = await engine.build(context)
    const links = await engine.run(whole, ['sh', '-c', 'readlink /c/up; readlink /c/root']).rm().output()
    expect(links.stdout).toBe('../../../etc/passwd\n/etc/passwd\n')
  })

  test.each([
    ['/nowhere', 'CONTEXT_INVALID'],
    ['/etc/hostname', 'CONTEXT_INVALID'],
  ])('%s is none', async (path, code) => {
    await expect(engine.build(path)).rejects.toMatchObject({ code })
  })

  test('without a Dockerfile is refused', async () => {
    await expect(engine.build(contextOf({ a: '' }))).rejects.toMatchObject({ details: { path: 'Dockerfile' } })
  })
})

describe('an archive', () => {
  test.each([
    ['plain', []],
    ['gzip', ['--gzip']],
    ['zstd', ['--zstd']],
  ])('%s, as a stream and as bytes', async (_, options) => {
    const tar = tarOf(contextOf(files), ...options)
    const path = join(contextOf({}), 'context.tar')
    writeFileSync(path, tar)
    const expected = ['./Dockerfile', './a', './sub/b', './sub/c']
    expect(await copied(engine.build(createReadStream(path)))).toEqual(expected)
    expect(await copied(engine.build(tar))).toEqual(expected)
  })

  test('with a Dockerfile of another name, and with one that is given as text', async () => {
    const tar = tarOf(contextOf({ 'docker/dev': all, a: '' }))
    expect(await copied(engine.build(tar).file('docker/dev'))).toEqual(['./a', './docker/dev'])
    expect(await copied(engine.build(tar).dockerfile(all))).toEqual(['./a', './docker/dev'])
  })

  test('that leads out of itself is refused, or leads nowhere else', async () => {
    const outside = contextOf({ 'in/Dockerfile': all, out: 'secret' })
    const tar = execFileSync('tar', ['-C', join(outside, 'in'), '-P', '-c', 'Dockerfile', '../out'])
    await expect(engine.build(tar)).rejects.toMatchObject({ code: 'LAYER_ESCAPES' })
  })

  test('that is a Dockerfile is all of its context', async () => {
    expect(await copied(engine.build(Buffer.from(all)))).toEqual(['./Dockerfile'])
    await expect(engine.build(Buffer.from(all)).dockerfile(all)).rejects.toMatchObject({ code: 'CONTEXT_INVALID' })
    await expect(engine.build(Buffer.alloc(0))).rejects.toMatchObject({ code: 'CONTEXT_INVALID' })
  })

  test('that is a Dockerfile as text has nothing else either', async () => {
    expect(await copied(engine.build().dockerfile(all))).toEqual(['./Dockerfile'])
  })
})

describe('a URL', () => {
  test('of an archive, and of a Dockerfile', async () => {
    const url = await serveFiles({
      'c.tgz': tarOf(contextOf(files), '--gzip'),
      plain: 'FROM busybox\nRUN mkdir /c; >/c/made\n',
    })
    expect(await copied(engine.build(`${url}/c.tgz`))).toEqual(['./Dockerfile', './a', './sub/b', './sub/c'])
    expect(await copied(engine.build(`${url}/plain`))).toEqual(['./made'])
    await expect(engine.build(`${url}/none`)).rejects.toMatchObject({ code: 'CONTEXT_UNAVAILABLE' })
  })

  test('of a git repository: a branch, a directory, a commit', async () => {
    await using repository = await serveRepository({
      ...files,
      'dir/Dockerfile': all,
      'dir/d': '',
      '.dockerignore': 'a\n',
    })
    const first = repository.commit({})
    repository.commit({ 'dir/newer': '' }, 'other')
    const url = `${repository.url}.git`
    expect(await copied(engine.build(`${url}#main:dir`))).toEqual(['./Dockerfile', './d'])
    expect(await copied(engine.build(`${url}#other:dir`))).toEqual(['./Dockerfile', './d', './newer'])
    expect(await copied(engine.build(`${url}#${first}`))).toEqual(
      ['./.dockerignore', './Dockerfile', './dir/Dockerfile', './dir/d', './sub/b', './sub/c'].sort(),
    )
    expect(await copied(engine.build({ git: `${repository.url}#main:dir` }))).toEqual(['./Dockerfile', './d'])
    await expect(engine.build(`${url}#none`)).rejects.toMatchObject({ code: 'CONTEXT_UNAVAILABLE' })
    await expect(engine.build(`${url}#main:none`)).rejects.toMatchObject({ code: 'CONTEXT_INVALID' })
  })
})

describe('named contexts', () => {
  test('a directory, a git repository, an archive by URL, and an image', async () => {
    await using repository = await serveRepository({ g: 'of git' })
    const url = await serveFiles({ 'c.tar': tarOf(contextOf({ u: 'of a URL' })) })
    const directory = contextOf({ d: 'of a directory', ignored: '', '.dockerignore': 'ignored\n.d*' })
    await engine.build().dockerfile('FROM busybox\nRUN echo of an image >/i\n').tag('named:1')
    const text = [
      'FROM busybox',
      ...['dir / /c/', 'repo g /c/', 'url u /c/', 'img i /c/'].map((line) => `COPY --from=${line}`),
      'RUN --mount=type=bind,from=dir,target=/m cat /m/d >/c/mounted',
    ].join('\n')
    const build = engine
      .build()
      .dockerfile(text)
      .buildContext('dir', directory)
      .buildContext('repo', `${repository.url}.git#main`)
      .buildContext('url', `${url}/c.tar`)
      .buildContext('img', 'docker-image://named:1')
    expect(await copied(build)).toEqual(['./d', './g', './i', './mounted', './u'])
  })

  test('hide a stage, or an image, of their name: FROM is built from them', async () => {
    const directory = contextOf({ 'c/of-a-directory': '' })
    await engine.build().dockerfile('FROM busybox\nRUN mkdir /c; >/c/of-an-image\n').tag('named:2')
    const text = 'FROM nowhere/at-all AS base\nRUN exit 1\nFROM base\nRUN >/c/more\n'
    expect(await copied(engine.build().dockerfile(text).buildContext('base', 'docker-image://named:2'))).toEqual([
      './more',
      './of-an-image',
    ])
    const copying = 'FROM base AS files\nFROM busybox\nCOPY --from=files /c /c\n'
    expect(await copied(engine.build().dockerfile(copying).buildContext('base', directory))).toEqual([
      './of-a-directory',
    ])
  })

  test('a directory that is not there is told with the line that needs it', async () => {
    const build = engine.build().dockerfile('FROM busybox\nCOPY --from=x / /\n').buildContext('x', '/nowhere')
    await expect(build).rejects.toMatchObject({ code: 'CONTEXT_INVALID', line: 2 })
  })
})

test('contexts that were unpacked are gone with their builds', async () => {
  const tar = tarOf(contextOf(files))
  await engine.build(tar)
  await expect(engine.build(tar).file('none')).rejects.toThrow()
  const left = execFileSync('find', [place.directory, '-name', 'inboard-context-*'], { encoding: 'utf8' })
  expect(left).toBe('')
})

test('what a build that was killed has unpacked is removed by the next', async () => {
  const left = join(place.directory, 'root/build/unpacked', '0'.repeat(32), 'inboard-context-x')
  mkdirSync(left, { recursive: true })
  writeFileSync(join(left, 'a'), '')
  await engine.build().dockerfile('FROM busybox\n')
  expect(readdirSync(join(place.directory, 'root/build/unpacked'))).toEqual([])
})
