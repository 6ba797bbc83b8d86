import { describe, expect, it } from 'vitest'
import type { HistoryEntry } from '../../image/index.js'
import { contentsKey, historyAsOf, type ImageContents, timeOf, writeDocument } from './document.js'

const layer = `sha256:${'a'.repeat(64)}`
const contents: ImageContents = {
  platform: 'linux/amd64',
  config: { Cmd: ['x'], Env: ['A=1'], Labels: { z: '1', a: '2' } },
  labels: { m: '3', a: '4' },
  author: '',
  history: [
    { created: '2024-01-01T00:00:00Z', created_by: 'COPY a /a # buildkit' },
    { created_by: 'CMD ["x"]', empty_layer: true },
  ],
  diffIds: [layer],
}
const written = (changes: Partial<ImageContents> = {}, created = '2024-05-05T00:00:00Z') =>
  JSON.parse(writeDocument({ ...contents, ...changes }, created).toString())

describe('the document of an image that was built', () => {
  it('has its fields in one order', () => {
    expect(writeDocument(contents, '2024-05-05T00:00:00Z').toString()).toBe(
      `{"created":"2024-05-05T00:00:00Z","architecture":"amd64","os":"linux","config":{"Env":["A=1"],"Cmd":["x"],"Labels":{"a":"4","m":"3","z":"1"}},"rootfs":{"type":"layers","diff_ids":["${layer}"]},"history":[{"created":"2024-01-01T00:00:00Z","created_by":"COPY a /a # buildkit"},{"created":"2024-05-05T00:00:00Z","created_by":"CMD [\\"x\\"]","empty_layer":true}]}`,
    )
  })

  it('says author and variant where there are any', () => {
    expect(written({ author: 'me', platform: 'linux/arm/v7' })).toMatchObject({
      author: 'me',
      architecture: 'arm',
      variant: 'v7',
    })
  })

  it('has the same bytes whatever order its parts were given in', () => {
    const { config } = contents
    const turned = { ...contents, config: { Labels: { a: '2', z: '1' }, Env: config.Env ?? [], Cmd: config.Cmd ?? [] } }
    expect(writeDocument(turned, 'now').equals(writeDocument(contents, 'now'))).toBe(true)
  })

  it('keeps a label that is named like a property of every object', () => {
    const labels = JSON.parse('{"__proto__":"1","constructor":"2"}')
    expect(writeDocument({ ...contents, config: {}, labels }, 'now').toString()).toContain(
      '"Labels":{"__proto__":"1","constructor":"2"}',
    )
  })

  it('has a key that its own time is no part of, but those of its steps are', () => {
    const later = contents.history.map((entry) => ({ ...entry, created: '2025-01-01T00:00:00Z' }))
    expect(contentsKey({ ...contents })).toBe(contentsKey(contents))
    expect(contentsKey({ ...contents, history: later })).not.toBe(contentsKey(contents))
    expect(contentsKey({ ...contents, labels: {} })).not.toBe(contentsKey(contents))
  })
})

describe('a history as of an epoch', () => {
  const base: HistoryEntry = { created: '2001-01-01T00:00:00Z', created_by: 'base' }
  const young: HistoryEntry = { created: '2030-01-01T00:00:00Z', created_by: 'young base' }
  const step: HistoryEntry = { created: '2024-01-01T00:00:00Z', created_by: 'step' }

  it.each([
    { name: 'before all that was done', epoch: 1_000_000_000, expected: '2001-09-09T01:46:40Z' },
    { name: 'in the future', epoch: 4_000_000_000, expected: '2096-10-02T07:06:40Z' },
  ])('$name has steps of this build at the epoch', ({ epoch, expected }) => {
    expect(historyAsOf([base, step, { created_by: 'CMD' }], 1, epoch)).toEqual([
      base,
      { ...step, created: expected },
      { created_by: 'CMD', created: expected },
    ])
  })

  it('has nothing later than that of the base either', () => {
    expect(historyAsOf([young], 1, 1_000_000_000)).toEqual([{ ...young, created: '2001-09-09T01:46:40Z' }])
  })
})

it('writes whole seconds without a fraction', () => {
  expect([timeOf(0), timeOf(1234)]).toEqual(['1970-01-01T00:00:00Z', '1970-01-01T00:00:01.234Z'])
})
