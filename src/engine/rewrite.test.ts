import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ownEntry } from './hosts-file.js'
import { rewriteInPlace, updateHosts } from './rewrite.js'

let directory: string
let file: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'inboard-rewrite-'))
  file = join(directory, 'hosts')
})

afterEach(() => rmSync(directory, { recursive: true }))

test('a rewritten file stays the same file, whether it grows or shrinks', () => {
  writeFileSync(file, 'four')
  const { ino } = statSync(file)
  rewriteInPlace(file, 'longer: ü\n')
  expect(readFileSync(file, 'utf8')).toBe('longer: ü\n')
  rewriteInPlace(file, '')
  expect(readFileSync(file, 'utf8')).toBe('')
  expect(statSync(file).ino).toBe(ino)
})

test('entries change, bytes that are no text stay', () => {
  const bytes = Buffer.from([0x31, 0xff, 0xfe, 0x0a])
  writeFileSync(file, Buffer.concat([bytes, Buffer.from('172.17.0.2\tbüchse\n')]))
  updateHosts(file, [ownEntry('büchse', '', ['172.17.0.9'])])
  expect(readFileSync(file)).toEqual(Buffer.concat([bytes, Buffer.from('172.17.0.9\tbüchse\n')]))
})

test('what is right already is not written', () => {
  writeFileSync(file, '172.17.0.2\tweb\n')
  const { mtimeMs } = statSync(file)
  updateHosts(file, [ownEntry('web', '', ['172.17.0.2'])])
  expect(statSync(file).mtimeMs).toBe(mtimeMs)
})

test('a file that is gone stays away', () => {
  updateHosts(file, [ownEntry('web', '', ['172.17.0.2'])])
  expect(statSync(file, { throwIfNoEntry: false })).toBeUndefined()
})

test('one that the container’s programs have filled up is left to them', () => {
  const content = Buffer.alloc(1024 * 1024 + 1, '#')
  writeFileSync(file, content)
  updateHosts(file, [ownEntry('web', '', ['172.17.0.2'])])
  expect(readFileSync(file).equals(content)).toBe(true)
})

test('no link is followed', () => {
  const other = join(directory, 'other')
  writeFileSync(other, 'kept')
  symlinkSync(other, file)
  expect(() => rewriteInPlace(file, 'lost')).toThrow(expect.objectContaining({ code: 'ELOOP' }))
  expect(readFileSync(other, 'utf8')).toBe('kept')
})
