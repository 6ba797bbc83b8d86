import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostFiles } from './host-files.js'
import { expandPattern } from './patterns.js'

let directory: string
beforeAll(() => {
  directory = mkdtempSync('/tmp/ib-patterns-')
  for (const path of ['a/b/c', 'a/.hidden', 'x-dir']) mkdirSync(join(directory, path), { recursive: true })
  for (const path of ['one.so', 'two.so.1', '.dot', 'a/one.py', 'a/b/two.py', 'a/b/c/three.py', 'a/.hidden/four.py'])
    writeFileSync(join(directory, path), '')
  for (const name of ['[', 'a*b', 'é', '-', ']']) writeFileSync(join(directory, 'x-dir', name), '')
  symlinkSync('a', join(directory, 'link'))
  symlinkSync('.', join(directory, 'a/loop'))
  symlinkSync('nowhere', join(directory, 'x-dir/broken'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const expand = (pattern: string) =>
  expandPattern(new HostFiles(), `${directory}/${pattern}`).map((path) => path.slice(directory.length + 1))

describe('a pattern', () => {
  it.each([
    ['*.so', ['one.so']],
    ['*.so*', ['one.so', 'two.so.1']],
    ['???.so', ['one.so']],
    ['*', ['.dot', 'a', 'link', 'one.so', 'two.so.1', 'x-dir']],
    ['.*', ['.dot']],
    ['a/*/*.py', ['a/.hidden/four.py', 'a/b/two.py', 'a/loop/one.py']],
    ['a/**/*.py', ['a/one.py', 'a/.hidden/four.py', 'a/b/two.py', 'a/b/c/three.py']],
    ['a/**/**/t*.py', ['a/b/two.py', 'a/b/c/three.py']],
    ['**/c', ['a/b/c']],
    ['a/b/**', ['a/b']],
    ['one.so/**', []],
    ['l*/b/t*', ['link/b/two.py']],
    ['x-dir/[[]', ['x-dir/[']],
    ['x-dir/\\[', ['x-dir/[']],
    ['x-dir/a\\*b', ['x-dir/a*b']],
    ['x-dir/a\\**', ['x-dir/a*b']],
    ['x-dir/?', ['x-dir/-', 'x-dir/[', 'x-dir/]', 'x-dir/é']],
    ['x-dir/[\\]\\-]', ['x-dir/-', 'x-dir/]']],
    ['x-dir/[^a-zé[]', ['x-dir/-', 'x-dir/]']],
    ['[m-p]ne.so', ['one.so']],
    ['[p-m]ne.so', []],
    ['x-dir/bro*', ['x-dir/broken']],
    ['a/../one.*', ['a/../one.so']],
    ['./a//b/*.py', ['a/b/two.py']],
    ['nope/*', []],
  ])('%s finds %j', (pattern, paths) => {
    expect(expand(pattern)).toEqual(paths)
  })

  it.each(['[', '[]', '[^]', '*[', 'a*\\', '*[a-]', '*[-a]', '*[a\\]'])('%s is malformed', (pattern) => {
    expect(() => expand(pattern)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: `syntax error in pattern "${JSON.stringify(`${directory}/${pattern}`).slice(1)}`,
      }),
    )
  })
})
