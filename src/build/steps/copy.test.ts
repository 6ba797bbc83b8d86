import { describe, expect, it } from 'vitest'
import { done, filesOf, type Setting } from './fixture.js'

describe('where COPY puts files', () => {
  const context = { a: 'A', b: 'B', 'dir/x': 'X', 'dir/sub/y': 'Y', 'dir/link': '-> ../a', pointer: '-> dir/x' }

  it.each<[string, Setting, Record<string, string>]>([
    ['COPY a /b', {}, { b: 'A' }],
    ['COPY a /b/', {}, { 'b/': '', 'b/a': 'A' }],
    ['COPY a /b/.', {}, { 'b/': '', 'b/a': 'A' }],
    ['COPY a /b', { root: { 'b/old': '' } }, { 'b/': '', 'b/old': '', 'b/a': 'A' }],
    ['COPY a /n/m/b', {}, { 'n/': '', 'n/m/': '', 'n/m/b': 'A' }],
    ['COPY a b /d/', {}, { 'd/': '', 'd/a': 'A', 'd/b': 'B' }],
    ['COPY a .', { workdir: '/w/v' }, { 'w/': '', 'w/v/': '', 'w/v/a': 'A' }],
    ['COPY a ../c', { workdir: '/w/v', root: { 'w/x': '' } }, { 'w/': '', 'w/x': '', 'w/c': 'A' }],
    ['COPY dir /d', {}, { 'd/': '', 'd/x': 'X', 'd/sub/': '', 'd/sub/y': 'Y', 'd/link': '-> ../a' }],
    ['COPY dir/ /', { root: { x: 'old' } }, { x: 'X', 'sub/': '', 'sub/y': 'Y', link: '-> ../a' }],
    ['COPY github.com/x /', { context: { 'github.com/x/f': '' } }, { f: '' }],
    ['COPY pointer /p', {}, { p: 'X' }],
    ['COPY pointer /p/', {}, { 'p/': '', 'p/pointer': 'X' }],
    ['COPY ["a", "/with space/"]', {}, { 'with space/': '', 'with space/a': 'A' }],
    ['COPY ? /d/', {}, { 'd/': '', 'd/a': 'A', 'd/b': 'B' }],
    ['COPY a none* /d/', {}, { 'd/': '', 'd/a': 'A' }],
    [
      'COPY a /l/f',
      { root: { 'real/x': '', l: '-> /real' } },
      { l: '-> /real', 'real/': '', 'real/x': '', 'real/f': 'A' },
    ],
    ['COPY a /l', { root: { l: '-> gone/file' } }, { l: '-> gone/file', 'gone/': '', 'gone/file': 'A' }],
    ['COPY a /l', { root: { f: 'old', l: '-> f' } }, { l: '-> f', f: 'A' }],
    ['COPY a /d/', { root: { 'd/a': '-> ../f', f: 'kept' } }, { f: 'kept', 'd/': '', 'd/a': 'A' }],
    ['COPY --exclude=x --exclude=sub dir /d', {}, { 'd/': '', 'd/link': '-> ../a' }],
    ['COPY --exclude=** --exclude=!sub/y dir /d', {}, { 'd/': '', 'd/sub/': '', 'd/sub/y': 'Y' }],
    [
      'COPY --parents dir/sub/y a /d/',
      {},
      { 'd/': '', 'd/dir/': '', 'd/dir/sub/': '', 'd/dir/sub/y': 'Y', 'd/a': 'A' },
    ],
    ['COPY --parents dir/./sub/y /d/', {}, { 'd/': '', 'd/sub/': '', 'd/sub/y': 'Y' }],
    ['COPY --parents ./**/y /d/', {}, { 'd/': '', 'd/dir/': '', 'd/dir/sub/': '', 'd/dir/sub/y': 'Y' }],
    ['COPY <<EOF /f\nhello $x\nEOF', {}, { f: 'hello \n' }],
    ['COPY <<one <<"two" /d/\n1\none\n$x\ntwo', {}, { 'd/': '', 'd/one': '1\n', 'd/two': '$x\n' }],
  ])('%s', async (text, setting, files) => {
    expect(filesOf(await done(text, { context, ...setting }))).toEqual(files)
  })

  it.each<[string, Setting, string]>([
    ['COPY missing /', {}, 'failed to compute cache key: "/missing": not found'],
    ['COPY ../a /', {}, 'forbidden path outside the build context: ../a ()'],
    ['COPY none* /', {}, 'no source files were specified'],
    [
      'COPY a b /d',
      {},
      'When using COPY with more than one source file, the destination must be a directory and end with a /',
    ],
    ['COPY dir /f', { root: { f: '' } }, 'cannot copy to non-directory: /f'],
    ['COPY a /f/', { root: { f: '' } }, 'mkdir /f: not a directory'],
    ['COPY a /f/g', { root: { f: '' } }, 'mkdir /f: not a directory'],
    ['COPY dir /d', { root: { 'd/x/y': '' } }, 'cannot replace to directory /d/x with file'],
    ['COPY dir /d', { root: { 'd/sub': '' } }, 'cannot copy to non-directory: /d/sub'],
    ['COPY dir /d', { root: { 'd/sub': '-> ../e', 'e/f': '' } }, 'cannot copy to non-directory: /d/sub'],
    ['COPY --chmod=8 a /', {}, "invalid chmod parameter: '8'. it should be octal string and between 0 and 07777"],
    ['COPY --chown=nobody a /', {}, "can't find uid for user nobody: no such user: nobody"],
    ['COPY --chown=0:staff a /', {}, "can't find gid for group staff: no such group: staff"],
    ['COPY https://example.com/a /', {}, "source can't be a URL for COPY"],
    ['COPY https://example.com/a.git /', {}, "source can't be a git ref for COPY"],
  ])('%s of %j is refused', async (text, setting, message) => {
    await expect(done(text, { context, ...setting })).rejects.toThrow(message)
  })
})
