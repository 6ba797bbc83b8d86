import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../../host/fixture.js'
import { makeFiles } from '../context/fixture.js'
import { attributesOf, done, filesOf, type Setting } from './fixture.js'

const context = { a: 'A', 'd/x': 'X', 'd/sub/y': 'Y' }

it.each<[string, Setting['root'], Record<string, string>]>([
  ['COPY --link a /l/f', { 'real/x': '', l: '-> real' }, { 'real/': '', 'real/x': '', 'l/': '', 'l/f': 'A' }],
  ['COPY --link a /b', { 'b/old/x': '' }, { b: 'A' }],
  ['COPY --link a /b/', { 'b/old': '' }, { 'b/': '', 'b/old': '', 'b/a': 'A' }],
  ['COPY --link a /f/b', { f: 'file' }, { 'f/': '', 'f/b': 'A' }],
  ['COPY --link d /d', { 'd/sub': 'file', 'd/x/y': '' }, { 'd/': '', 'd/x': 'X', 'd/sub/': '', 'd/sub/y': 'Y' }],
  [
    'COPY --link d /d',
    { 'd/sub/old': 'kept' },
    { 'd/': '', 'd/x': 'X', 'd/sub/': '', 'd/sub/old': 'kept', 'd/sub/y': 'Y' },
  ],
  [
    'COPY --link a d /d/',
    { d: '-> e', 'e/f': '' },
    { 'e/': '', 'e/f': '', 'd/': '', 'd/a': 'A', 'd/x': 'X', 'd/sub/': '', 'd/sub/y': 'Y' },
  ],
  [
    'COPY --link --chmod=644 a /l/f',
    { 'real/x': '', l: '-> real' },
    { 'real/': '', 'real/x': '', 'real/f': 'A', l: '-> real' },
  ],
])('%s counts what is there as if it were not', async (text, root, files) => {
  expect(filesOf(await done(text, { context, ...(root && { root }) }))).toEqual(files)
})

it('gives directories on the way what they have in a layer of their own', async () => {
  const root = temporaryDirectory('/dev/shm')
  mkdirSync(join(root, 'tmp'))
  chmodSync(join(root, 'tmp'), 0o1777)
  expect(attributesOf(await done('COPY --link --chown=3 a /tmp/', { context: makeFiles(context), root }), 'tmp')).toBe(
    '0755 3:3',
  )
})
