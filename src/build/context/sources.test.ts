import { describe, expect, test } from 'vitest'
import { namesOf, openFiles } from './fixture.js'

const files = {
  'a.txt': '1',
  'a2.txt': '2',
  secret: 's',
  'dir/x': 'x',
  'dir/sub/k': 'k',
  'z/b/1': '',
  'z/a/2': '',
  'y-1/f': '',
  'y/f': '',
  abs: '-> /etc/passwd',
  up: '-> ../../../a.txt',
  loop: '-> loop',
  dangling: '-> nowhere',
  linkdir: '-> dir',
  linkfile: '-> a.txt',
  tosecret: '-> secret',
  'imp/in/file': '',
  'imp/other': '',
  '.dockerignore': 'secret\nimp\n!imp/in/file\n',
}

describe('the sources of COPY', () => {
  // What Docker 20.10's classic builder copies, and in which order.
  test.each([
    [['a.txt'], ['a.txt']],
    [['/a.txt'], ['a.txt']],
    [
      ['./a.txt', './a2.txt'],
      ['a.txt', 'a2.txt'],
    ],
    [['a.txt/'], ['a.txt']],
    [['dir/sub/../x'], ['x']],
    [['dir'], ['', 'sub', 'sub/k', 'x']],
    [['dir/'], ['', 'sub', 'sub/k', 'x']],
    [['dir/*'], ['', 'k', 'x']],
    [['up'], ['up']],
    [['linkdir'], ['', 'sub', 'sub/k', 'x']],
    [['linkdir/x'], ['x']],
    [['link*'], ['', 'sub', 'sub/k', 'x', 'linkfile']],
    [['*/f'], ['f', 'f']],
    [['*/*/*'], ['k', 'file', '2', '1']],
    [['imp'], ['', 'in', 'in/file']],
    [['imp/in'], ['', 'file']],
    [['nosuch*', 'a.txt'], ['a.txt']],
  ])('%j are what Docker takes', async (paths, names) => {
    expect((await namesOf(await openFiles(files), paths)).sort()).toEqual([...names].sort())
  })

  const missing = (path: string) =>
    `file not found in build context or excluded by .dockerignore: stat ${path}: file does not exist`
  const outside = (path: string) => `forbidden path outside the build context: ${path} ()`

  test.each([
    ['nosuch', 'FILE_NOT_FOUND', missing('nosuch')],
    ['secret', 'FILE_NOT_FOUND', missing('secret')],
    ['imp/other', 'FILE_NOT_FOUND', missing('imp/other')],
    ['tosecret', 'FILE_NOT_FOUND', missing('tosecret')],
    ['abs', 'FILE_NOT_FOUND', missing('abs')],
    ['dangling', 'FILE_NOT_FOUND', missing('dangling')],
    ['../x', 'CONTEXT_INVALID', outside('../x')],
    ['dir/../../x', 'CONTEXT_INVALID', outside('dir/../../x')],
    ['loop', 'CONTEXT_INVALID', outside('loop')],
    ['a.txt/foo', 'CONTEXT_INVALID', outside('a.txt/foo')],
    ['x*', 'CONTEXT_INVALID', 'no source files were specified'],
    ['../a*', 'CONTEXT_INVALID', 'no source files were specified'],
    ['[a-', 'CONTEXT_INVALID', 'no source files were specified'],
  ])('%s is refused in the words of Docker', async (path, code, message) => {
    await expect(namesOf(await openFiles(files), [path])).rejects.toMatchObject({ code, message })
  })

  test.each([
    [['dir'], ['sub'], ['', 'x']],
    [['dir'], ['**', '!sub/k'], ['', 'sub', 'sub/k']],
    [['*.txt'], ['a2*'], ['a.txt']],
    [
      ['y', 'z'],
      ['*/1', 'f'],
      ['', '', 'a', 'a/2', 'b'],
    ],
  ])('%j without %j are %j', async (paths, exclude, names) => {
    expect((await namesOf(await openFiles(files), paths, exclude)).sort()).toEqual([...names].sort())
  })

  test.each([
    ['dir/sub/k', ['dir/sub/k']],
    ['./dir/sub/k', ['dir/sub/k']],
    ['dir/./sub/k', ['sub/k']],
    ['*/f', ['y/f', 'y-1/f']],
    ['**/k', ['dir/sub/k']],
    ['z/./*', ['a', 'a/2', 'b', 'b/1']],
  ])('%s with its parents is %j', async (path, names) => {
    const found = await (await openFiles(files)).filesWithParents(path)
    expect(found.filter(({ isParent }) => !isParent).map(({ name }) => name)).toEqual(['', ...names])
  })
})

test('an ignore file of the Dockerfile counts in place of the one for all', async () => {
  const context = await openFiles(
    { a: '', b: '', '.dockerignore': 'a', 'sub/Dockerfile': '', 'sub/Dockerfile.dockerignore': 'b\n.*\nsub' },
    { dockerfile: 'sub/Dockerfile' },
  )
  expect(await namesOf(context, ['.'])).toEqual(['', 'a'])
})

test('a Dockerfile that is excluded is read, but not copied', async () => {
  const context = await openFiles({ Dockerfile: 'FROM x', '.dockerignore': '*' })
  expect((await context.readText('Dockerfile')).toString()).toBe('FROM x')
  expect(await context.list('.')).toEqual([])
})
