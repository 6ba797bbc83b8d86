import { expect, it } from 'vitest'
import { nanoseconds, parseLastMoment, parseMoment } from './moment.js'

const now = Date.UTC(2024, 0, 1, 12)
const ns = (ms: number) => BigInt(Math.round(ms * 1000)) * 1000n

it.each([
  ['10m', now - 600_000],
  ['1h30m', now - 5_400_000],
  ['1.5s', now - 1500],
  ['0', 0],
  ['-2h', now + 7_200_000],
  ['1136073600', 1_136_073_600_000],
  ['1136073600.5', 1_136_073_600_500],
  ['2024-01-01T10:00:00Z', Date.UTC(2024, 0, 1, 10)],
  ['2024-01-01T10:00:00+02:00', Date.UTC(2024, 0, 1, 8)],
  ['2024-01-01T10:00:00', new Date(2024, 0, 1, 10).getTime()],
  ['2024-01-01', new Date(2024, 0, 1).getTime()],
  [now, now],
  [new Date(now), now],
] as const)('reads %s as a moment', (value, ms) => {
  expect(parseMoment('until', value, now)).toBe(ns(ms))
})

it.each([`${'9'.repeat(400)}h`, '', 'x', '10x', '1h30', 'm', '2024-13-01', Number.NaN, new Date('x')])(
  'refuses %s',
  (value) => {
    expect(() => parseMoment('until', value)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  },
)

it('keeps nanoseconds', () => {
  expect(nanoseconds('1970-01-01T00:00:01.000000007Z')).toBe(1_000_000_007n)
  expect(nanoseconds('')).toBeUndefined()
})

it('takes ms as all of the millisecond when it is the last one', () => {
  const last = BigInt(now + 1) * 1_000_000n - 1n
  expect(parseLastMoment('until', new Date(now))).toBe(last)
  expect(parseLastMoment('until', now)).toBe(last)
  expect(parseLastMoment('until', now + 0.5)).toBe(ns(now + 0.5))
  expect(parseLastMoment('until', '1136073600')).toBe(ns(1_136_073_600_000))
})
