import { expect, test } from 'vitest'
import { humanSize, progressFields } from './progress.js'

// As dockerd 20.10 writes them.
test.each([
  [106, 106, '[==================================================>]     106B/106B'],
  [36445, 3146839, '[>                                                  ]  36.45kB/3.147MB'],
  [19968, 1985512, '[>                                                  ]  19.97kB/1.986MB'],
  [2129920, 1985512, '[==================================================>]   2.13MB'],
])('%i of %i bytes', (current, total, progress) => {
  expect(progressFields(current, total)).toEqual({ progressDetail: { current, total }, progress })
})

test('bytes without a total are counted', () => {
  expect(progressFields(10240)).toEqual({ progressDetail: { current: 10240 }, progress: ' 10.24kB' })
})

test('nothing yet is no progress', () => {
  expect(progressFields(0)).toEqual({ progressDetail: {} })
})

test.each([
  [0, '0B'],
  [999, '999B'],
  [1000, '1kB'],
  [10_000_000, '10MB'],
  [1_234_567_890, '1.235GB'],
])('%i bytes are %s', (bytes, text) => {
  expect(humanSize(bytes)).toBe(text)
})
