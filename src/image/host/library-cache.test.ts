import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parseLibraryCache } from './library-cache.js'

const cache = () => readFileSync('/etc/ld.so.cache')

it('has every library and path that ldconfig -p prints', () => {
  const text = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' })
  const expected = [...text.matchAll(/^\t(\S+) \(.*\) => (\S+)$/gm)].map(([, name, path]) => `${name} ${path}`)
  const found = [...parseLibraryCache(cache())].flatMap(([name, paths]) => paths.map((path) => `${name} ${path}`))
  expect(found.sort()).toEqual(expected.sort())
})

it('reads the new format behind the old one', () => {
  const old = Buffer.alloc(16 + 12)
  old.write('ld.so-1.7.0')
  old.writeUInt32LE(1, 12)
  const behind = Buffer.concat([old, Buffer.alloc(4), cache()])
  expect(parseLibraryCache(behind)).toEqual(parseLibraryCache(cache()))
})

it('makes nothing of rubbish, and never fails on a truncated cache', () => {
  expect(parseLibraryCache(Buffer.from('rubbish'.repeat(100))).size).toBe(0)
  const whole = cache()
  const sizes = Array.from(
    { length: 200 },
    (_, at) => parseLibraryCache(whole.subarray(0, Math.floor((whole.length * at) / 200))).size,
  )
  expect(sizes.every((size) => size <= parseLibraryCache(whole).size)).toBe(true)
})
