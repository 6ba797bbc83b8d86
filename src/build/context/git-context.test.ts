import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { temporaryDirectory } from '../../host/fixture.js'
import { closing, namesOf } from './fixture.js'
import { openGit } from './git-context.js'
import { commit, git, repository, settings } from './git-fixture.js'
import { isGitUrl, parseGitUrl } from './git-url.js'

describe('a git repository', () => {
  test('is checked out at a branch, tag or commit, without what git keeps', async () => {
    const { url, first, other } = await repository()
    const temporary = temporaryDirectory('/dev/shm')
    const open = async (fragment: string) =>
      closing(await openGit(`${url}${fragment}`, { temporaryDirectory: temporary }))
    const plain = await open('')
    expect(plain.commit).toBe(first)
    expect(await namesOf(plain, ['.'])).toEqual(['', '.dockerignore', 'Dockerfile', 'out', 'sub', 'sub/f'])
    for (const ref of ['other', other, other.slice(0, 10)]) expect((await open(`#${ref}`)).commit).toBe(other)
    expect(await namesOf(await open('#v1:sub'), ['.'])).toEqual(['', 'f'])
    expect(await namesOf(await open('#:sub'), ['.'])).toEqual(['', 'f'])
    const kept = closing(await openGit(url, { temporaryDirectory: temporary, keepGitDirectory: true }))
    expect((await kept.stat('.git')).kind).toBe('directory')
    await kept.close()
    expect(readdirSync(temporary)).toHaveLength(6)
  }, 60_000)

  test('has its submodules', async () => {
    const { root, directory, url } = await repository()
    const inner = join(root, 'inner.git')
    execFileSync('git', [...settings, 'init', '-q', inner])
    commit(inner, { inside: '' })
    git(directory, 'submodule', '--quiet', 'add', url.replace('x.git', 'inner.git'), 'module')
    commit(directory, {})
    const context = closing(await openGit(url))
    expect(await namesOf(context, ['module'])).toEqual(['', 'inside'])
  }, 60_000)

  test.each([
    ['#none', 'CONTEXT_UNAVAILABLE'],
    ['#:none', 'CONTEXT_INVALID'],
    ['#:Dockerfile', 'CONTEXT_INVALID'],
    ['#:out', 'CONTEXT_INVALID'],
    ['#--upload-pack=touch', 'CONTEXT_INVALID'],
    ['/none.git', 'CONTEXT_UNAVAILABLE'],
  ])(
    '%s is refused, and leaves nothing',
    async (suffix, code) => {
      const { url } = await repository()
      const temporary = temporaryDirectory('/dev/shm')
      const opened = openGit(`${url}${suffix}`, { temporaryDirectory: temporary }).then((context) =>
        namesOf(closing(context), ['.']).then((names) => ({ names })),
      )
      await expect(opened).rejects.toMatchObject({ code })
    },
    60_000,
  )

  test('with a submodule of a transport that runs programs, or of the host, is refused', async () => {
    const { directory, url } = await repository()
    const canary = join(temporaryDirectory('/dev/shm'), 'canary')
    git(directory, 'update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},evil`)
    commit(directory, { '.gitmodules': `[submodule "evil"]\n\tpath = evil\n\turl = ext::sh -c touch% ${canary}\n` })
    git(directory, 'update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},evil`)
    git(directory, 'commit', '-q', '-m', 'evil')
    await expect(openGit(url)).rejects.toMatchObject({ code: 'CONTEXT_UNAVAILABLE' })
    expect(existsSync(canary)).toBe(false)
  }, 60_000)

  test('needs git', async () => {
    vi.stubEnv('PATH', '/nowhere')
    onTestFinished(() => void vi.unstubAllEnvs())
    await expect(openGit('git://127.0.0.1/x.git')).rejects.toMatchObject({
      code: 'UNSUPPORTED_HOST',
      details: { feature: 'git', hint: 'apt-get install -y git' },
    })
  })

  test('is left when it is aborted', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    onTestFinished(() => void silent.close())
    const abort = new AbortController()
    silent.once('connection', (socket) => {
      onTestFinished(() => void socket.destroy())
      abort.abort(new Error('enough'))
    })
    const temporary = temporaryDirectory('/dev/shm')
    const url = `git://127.0.0.1:${(silent.address() as AddressInfo).port}/x.git`
    await expect(openGit(url, { signal: abort.signal, temporaryDirectory: temporary })).rejects.toThrow('enough')
    expect(readdirSync(temporary)).toEqual([])
  })
})

test.each([
  ['https://github.com/a/b.git', true],
  ['https://github.com/a/b.git#main:dir', true],
  ['https://github.com/a/b', false],
  ['https://x/y.tar.gz', false],
  ['github.com/a/b', true],
  ['git@github.com:a/b.git', true],
  ['git://x/y', true],
  ['ssh://git@x/y', true],
  ['./github.com/a', false],
  ['/path/x.git', false],
  ['file:///x.git', false],
])('%s is a git URL: %s', (text, expected) => {
  expect(isGitUrl(text)).toBe(expected)
})

test.each([
  ['github.com/a/b', 'https://github.com/a/b', undefined, ''],
  ['github.com/a/b#v1', 'https://github.com/a/b', 'v1', ''],
  ['git@x.y:a/b.git#main:d/e', 'git@x.y:a/b.git', 'main', 'd/e'],
  ['https://x/y.git#:d', 'https://x/y.git', undefined, 'd'],
])('%s is taken apart', (text, url, ref, directory) => {
  expect(parseGitUrl(text)).toEqual({ url, ref, directory })
})

test.each([
  'ext::sh -c id',
  '--upload-pack=x',
  'ssh://-oProxyCommand=x/y.git',
  'git@-oProxyCommand=x:y',
  'git@x:y.git#-x',
  'https://x/y.git#a b',
  'https://x/y.git#a..b',
])('%s is refused', (text) => {
  expect(() => parseGitUrl(text)).toThrow(expect.objectContaining({ code: 'CONTEXT_INVALID' }))
})
