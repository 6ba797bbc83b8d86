import { expect, test } from 'vitest'
import { normalizeOptions } from './normalize.js'
import type { RunOptions } from './options.js'
import { parseReuse, refuseReuse } from './reuse.js'
import { reuseHash } from './reuse-hash.js'

const identity = { name: '', image: 'sha256:1', snapshot: '', connected: ['network'] }
const configOf = (options: RunOptions, image = 'redis', command: readonly string[] = []) =>
  normalizeOptions(image, command, options, {
    envFiles: new Map(),
    processEnv: { HOME: '/root' },
    host: { cpus: 2 },
    attached: false,
  })
const hashOf = (options: RunOptions, ...rest: [image?: string, command?: readonly string[]]) =>
  reuseHash(configOf(options, ...rest), identity)

test('options that mean the same have the same hash, however they are written', () => {
  const hash = hashOf({ env: { A: '1', B: 2 }, memory: '64m', label: { a: 'x', b: '' }, publish: [6379] })
  expect(hash).toMatch(/^[0-9a-f]{64}$/)
  expect(
    hashOf(
      { publish: ['6379'], label: ['b', 'a=x'], memory: 64 * 1024 * 1024, env: ['B=1', 'A=1', 'B=2'] },
      'docker.io/library/redis:latest',
    ),
  ).toBe(hash)
})

test.each<[string, RunOptions]>([
  ['a variable', { env: { A: '2' } }],
  ['a variable that is taken away', { env: { A: null } }],
  ['a label', { env: { A: '1' }, label: ['a'] }],
  ['a limit', { env: { A: '1' }, memory: '64m' }],
  ['a port', { env: { A: '1' }, publish: ['6379'] }],
  ['a volume', { env: { A: '1' }, volume: ['data:/data'] }],
])('%s makes another hash', (_, options) => {
  expect(hashOf(options)).not.toBe(hashOf({ env: { A: '1' } }))
})

test('the command, the image, the name and the networks make another hash', () => {
  const config = configOf({})
  const hashes = [
    reuseHash(config, identity),
    hashOf({}, 'redis', ['redis-server', '--port', '1']),
    reuseHash(config, { ...identity, image: 'sha256:2' }),
    reuseHash(config, { ...identity, name: 'db' }),
    reuseHash(config, { ...identity, snapshot: '2' }),
    reuseHash(config, { ...identity, connected: ['made again'] }),
  ]
  expect(new Set(hashes).size).toBe(hashes.length)
})

test.each<[string, RunOptions]>([
  ['an empty key', { reuse: '' }],
  ['rm', { reuse: 'db', rm: true }],
  ['ephemeral', { reuse: 'db', ephemeral: true }],
])('%s is refused', (_, options) => {
  expect(() => parseReuse(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})

test('only awaiting gives one that may run already', () => {
  expect(() => refuseReuse({ reuse: 'db' }, 'output')).toThrow(/^conflicting options: reuse and output\(\)/)
  expect(() => refuseReuse({}, 'output')).not.toThrow()
})
