import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Growth } from '../host/index.js'
import { GrowingFile } from './growing.js'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync('/tmp/ib-growing-')
  path = `${directory}/aside`
  writeFileSync(path, '')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

it('tells another thread how far it has come, and when it is whole', async () => {
  const file = new GrowingFile(path)
  using opened = file.open()
  const growth = new Growth(opened.growth)
  const waiting = growth.beyond(0)
  appendFileSync(path, 'hel')
  file.grown(3)
  await waiting
  expect(growth).toMatchObject({ length: 3, end: undefined })
  file.grown(5)
  file.finish(path)
  await growth.beyond(5)
  expect(growth).toMatchObject({ length: 5, end: 'whole' })
})

it('tells that it will never be whole', async () => {
  const file = new GrowingFile(path)
  using opened = file.open()
  const growth = new Growth(opened.growth)
  const waiting = growth.beyond(0)
  file.fail()
  await waiting
  expect(growth.end).toBe('failed')
})

it('does not let anybody wait for ever', async () => {
  const growth = new Growth()
  await growth.beyond(0)
  expect(growth.length).toBe(0)
})

it('is found wherever it was renamed to, also by one who opened it before', () => {
  const file = new GrowingFile(path)
  writeFileSync(path, 'hello')
  const before = readdirSync('/proc/self/fd').length
  {
    using early = file.open()
    renameSync(path, `${directory}/blob`)
    file.finish(`${directory}/blob`)
    using late = file.open()
    expect([early, late].map((opened) => readFileSync(opened.path, 'utf8'))).toEqual(['hello', 'hello'])
  }
  expect(readdirSync('/proc/self/fd')).toHaveLength(before)
})
