import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { native } from '../host/index.js'
import { openAsideDirectory } from './aside.js'
import { type Claims, openClaims } from './claims.js'

let directory: string
let claims: Claims
beforeEach(() => {
  directory = mkdtempSync('/tmp/ib-claims-')
  claims = openClaims(directory, native(), 'this boot')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Something that is made once: it is there when it has a value. */
function thing() {
  let value: string | undefined
  let made = 0
  let finish!: (text: string) => void
  let fail!: (reason: unknown) => void
  return {
    find: () => value,
    make: async () => {
      made++
      value = await new Promise<string>((resolve, reject) => {
        finish = resolve
        fail = reject
      })
      return value
    },
    made: () => made,
    finish: (text: string) => finish(text),
    fail: (reason: unknown) => fail(reason),
  }
}

describe('claims', () => {
  it('let one make what several want, and the others find it', async () => {
    const { find, make, made, finish } = thing()
    // Other claims on the same directory, as another process has them.
    const other = openClaims(directory, native(), 'this boot')
    const wanting = [
      claims.once('a', { find, make }),
      claims.once('a', { find, make }),
      other.once('a', { find, make }),
    ]
    finish('done')
    expect(await Promise.all(wanting)).toEqual(['done', 'done', 'done'])
    expect(made()).toBe(1)
    expect(readdirSync(directory)).toEqual([])
  })

  it('make nothing of what is there', async () => {
    const make = () => Promise.reject(new Error('unreachable'))
    expect(await claims.once('a', { find: () => 'there', make })).toBe('there')
    expect(readdirSync(directory)).toEqual([])
  })

  it('do not make different things wait for each other', async () => {
    const { find, make, finish } = thing()
    const first = claims.once('a', { find, make })
    expect(await claims.once('b', { find: () => undefined, make: async () => 'b' })).toBe('b')
    finish('a')
    expect(await first).toBe('a')
  })

  it('pass to the next when the maker fails', async () => {
    const { find, make, made, finish, fail } = thing()
    const first = claims.once('a', { find, make })
    const second = claims.once('a', { find, make })
    fail(new Error('cable cut'))
    await expect(first).rejects.toThrow('cable cut')
    await expect.poll(made).toBe(2)
    finish('done')
    expect(await second).toBe('done')
    expect(readdirSync(directory)).toEqual([])
  })

  it('pass to the next when the maker has died', async () => {
    writeFileSync(`${directory}/a`, '')
    expect(await claims.once('a', { find: () => undefined, make: async () => 'made' })).toBe('made')
    expect(readdirSync(directory)).toEqual([])
  })

  it('do not keep those who give up waiting', async () => {
    const { find, make, finish } = thing()
    const first = claims.once('a', { find, make })
    const reason = new Error('enough')
    const controller = new AbortController()
    const second = claims.once('a', { find, make, signal: controller.signal })
    controller.abort(reason)
    await expect(second).rejects.toBe(reason)
    finish('done')
    expect(await first).toBe('done')
  })

  it('tell what a maker has noted to all who come later, until they are swept', async () => {
    const find = (note: string | undefined) => note
    const make = async (note: (text: string) => void) => {
      note('42')
      return 'made'
    }
    expect(await claims.once('a', { find, make })).toBe('made')
    expect(await claims.once('a', { find, make })).toBe('42')
    openAsideDirectory(directory, native()).sweep()
    expect(readdirSync(directory)).toEqual([])
    expect(await claims.once('a', { find, make })).toBe('made')
  })

  it('believe no note of another boot', async () => {
    writeFileSync(`${directory}/a`, 'c0ffee00-0000-0000-0000-000000000000 42\n')
    expect(await claims.once('a', { find: (note) => note, make: async () => 'made' })).toBe('made')
  })
})
