import { describe, expect, it } from 'vitest'
import { parseConfig } from './config.js'
import { parseJson } from './json.js'
import { formatPlatform, matchPlatform, normalizePlatform, parsePlatform } from './platform.js'

describe('platforms', () => {
  it.each([
    ['linux/x86_64', 'linux/amd64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/v9', 'linux/arm64/v9'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/i386', 'linux/386'],
    ['amd64', 'linux/amd64'],
  ])('reads %s as %s', (text, expected) => {
    expect(formatPlatform(parsePlatform(text))).toBe(expected)
  })

  it.each(['', 'a/b/c/d', '/amd64'])('refuses %j', (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARCHIVE' }))
  })

  it('prefers the own variant, then the newest older one, never a newer one', () => {
    const v7 = normalizePlatform({ os: 'linux', architecture: 'arm', variant: 'v7' })
    const score = (variant: string) => matchPlatform(v7, { os: 'linux', architecture: 'arm', variant })
    expect(score('v7')).toBeGreaterThan(score('v6'))
    expect(score('v6')).toBeGreaterThan(score('v5'))
    expect(score('v5')).toBeGreaterThan(0)
    expect(score('v8')).toBe(0)
    expect(matchPlatform(v7, { os: 'linux', architecture: 'arm64', variant: '' })).toBe(0)
    expect(matchPlatform(v7, { os: 'windows', architecture: 'arm', variant: 'v7' })).toBe(0)
  })
})

describe('documents', () => {
  it('counts depth outside of strings only', () => {
    expect(parseJson(Buffer.from(JSON.stringify(['['.repeat(500), '\\"[['])), 'x')).toEqual(['['.repeat(500), '\\"[['])
    expect(() => parseJson(Buffer.from('['.repeat(65) + ']'.repeat(65)), 'x')).toThrow('nested more than 64 deep')
    expect(parseJson(Buffer.from('['.repeat(64) + ']'.repeat(64)), 'x')).toBeDefined()
  })

  it('takes names of properties that JavaScript knows as data', () => {
    const labels = '{"__proto__":"a","constructor":"b"}'
    const document = `{"os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{"Labels":${labels}}}`
    const { config } = parseConfig(Buffer.from(document), 'x')
    expect(Object.entries(config.Labels ?? {})).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
    expect(Object.getPrototypeOf(config.Labels)).toBe(Object.prototype)
  })

  it('reads null and missing fields as absent', () => {
    const rootfs = { type: 'layers', diff_ids: null }
    const parsed = parseConfig(
      Buffer.from(JSON.stringify({ rootfs, config: { Env: null, Cmd: null }, history: null })),
      'x',
    )
    expect(parsed).toMatchObject({ config: {}, diffIds: [], history: [], os: 'linux', createdAt: '' })
  })
})
