import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { handlerFor, isBinfmtMounted } from './binfmt.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync('/tmp/ib-binfmt-')
  writeFileSync(join(directory, 'register'), '')
  writeFileSync(join(directory, 'status'), 'enabled\n')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const aarch64 = '7f454c460201010000000000000000000200b700'
const mask = 'ffffffffffffff00fffffffffffffffffeffffff'
/** As the kernel shows it. */
const entry = ({ state = 'enabled', flags = 'OCF', magic = aarch64, masked = `mask ${mask}\n` } = {}) =>
  `${state}\ninterpreter /usr/bin/qemu-aarch64-static\nflags: ${flags}\noffset 0\nmagic ${magic}\n${masked}`
const register = (text: string) => writeFileSync(join(directory, 'whatever'), text)

it('finds the handler of an architecture by what its programs begin with', () => {
  register(entry())
  expect(handlerFor('arm64', directory)).toEqual({ interpreter: '/usr/bin/qemu-aarch64-static', isFixed: true })
  expect(handlerFor('arm', directory)).toBeUndefined()
  expect(handlerFor('amd64', directory)).toBeUndefined()
})

it('knows architectures of the other byte order', () => {
  register(entry({ magic: '7f454c4602020100000000000000000000020016' }))
  expect(handlerFor('s390x', directory)).toBeDefined()
})

it('compares all bits where there is no mask', () => {
  register(entry({ masked: '' }))
  expect(handlerFor('arm64', directory)).toBeDefined()
})

it('tells a handler that has to be in the image', () => {
  register(entry({ flags: '' }))
  expect(handlerFor('arm64', directory)).toMatchObject({ isFixed: false })
})

it('finds none that is disabled, or has an extension, or is of no known architecture', () => {
  register(entry({ state: 'disabled' }))
  expect(handlerFor('arm64', directory)).toBeUndefined()
  register('enabled\ninterpreter /usr/bin/x\nflags: F\nextension .exe\n')
  expect(handlerFor('arm64', directory)).toBeUndefined()
  register(entry())
  expect(handlerFor('vax', directory)).toBeUndefined()
})

it('finds none where all are off, or nothing is mounted', () => {
  register(entry())
  writeFileSync(join(directory, 'status'), 'disabled\n')
  expect(handlerFor('arm64', directory)).toBeUndefined()
  expect(isBinfmtMounted(join(directory, 'nothing'))).toBe(false)
  expect(handlerFor('arm64', join(directory, 'nothing'))).toBeUndefined()
})
