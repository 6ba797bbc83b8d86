import { expect, test } from 'vitest'
import { healthSchedule, mergeHealthcheck, parseHealthcheck } from './health.js'
import type { ContainerConfig, HealthcheckInput, ImageHealthcheck, RunOptions } from './options.js'

const nothing = { test: [], intervalMs: 0, timeoutMs: 0, startPeriodMs: 0, startIntervalMs: 0, retries: 0 }

// biome-ignore format: a table
test.each<[RunOptions, ContainerConfig['healthcheck']]>([
  [{}, undefined],
  [{ healthcheck: {} }, undefined],
  [{ noHealthcheck: true }, { ...nothing, test: ['NONE'] }],
  [{ healthcheck: { test: 'curl -f localhost' } }, { ...nothing, test: ['CMD-SHELL', 'curl -f localhost'] }],
  [{ healthcheck: { test: '' } }, undefined],
  [{ healthcheck: { test: '', retries: 1 } }, { ...nothing, retries: 1 }],
  [{ healthcheck: { test: ['CMD', 'a', 'b'] } }, { ...nothing, test: ['CMD', 'a', 'b'] }],
  [{ healthcheck: { test: ['NONE', 'x'] } }, { ...nothing, test: ['NONE'] }],
  [{ healthcheck: { interval: '1m30s', timeout: 1.5, startPeriod: 0, startInterval: '1ms', retries: 5 } },
    { ...nothing, intervalMs: 90_000, timeoutMs: 1.5, startIntervalMs: 1, retries: 5 }],
])('reads %j', (options, config) => {
  expect(parseHealthcheck(options)).toEqual(config)
})

// biome-ignore format: a table
test.each<[HealthcheckInput, string, string]>([
  [{ interval: '500us' }, 'healthInterval', 'Interval in Healthcheck cannot be less than 1ms'],
  [{ timeout: 0.5 }, 'healthTimeout', 'Timeout in Healthcheck cannot be less than 1ms'],
  [{ startPeriod: 0.1 }, 'healthStartPeriod', 'StartPeriod in Healthcheck cannot be less than 1ms'],
  [{ startInterval: 0.1 }, 'healthStartInterval', 'StartInterval in Healthcheck cannot be less than 1ms'],
  [{ interval: '-1s' }, 'healthInterval', '--health-interval cannot be negative'],
  [{ startPeriod: -1 }, 'healthStartPeriod', '--health-start-period cannot be negative'],
  [{ interval: 'foo' }, 'healthInterval', 'time: invalid duration "foo"'],
  [{ timeout: Number.NaN }, 'healthTimeout', 'time: invalid duration "NaN"'],
  [{ timeout: Number.POSITIVE_INFINITY }, 'healthTimeout', 'time: invalid duration "Infinity"'],
  [{ retries: -1 }, 'healthRetries', '--health-retries cannot be negative'],
  [{ retries: 1.5 }, 'healthRetries', 'invalid value for healthRetries: 1.5'],
  [{ test: ['FOO', 'x'] }, 'healthCmd', "Unknown healthcheck type 'FOO' (expected 'CMD')"],
  [{ test: ['CMD'] }, 'healthCmd', 'Missing command after HEALTHCHECK CMD'],
  [{ test: ['CMD-SHELL', ''] }, 'healthCmd', 'Missing command after HEALTHCHECK CMD-SHELL'],
  [{ test: 'a\0b' }, 'healthCmd', 'it holds a NUL character'],
])('refuses %j', (healthcheck, option, message) => {
  const details = expect.objectContaining({ option })
  expect(() => parseHealthcheck({ healthcheck })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', details }))
  expect(() => parseHealthcheck({ healthcheck })).toThrow(message)
})

test('refuses a check where there shall be none', () => {
  const options = { noHealthcheck: true, healthcheck: { interval: 1000 } }
  expect(() => parseHealthcheck(options)).toThrow('--no-healthcheck conflicts with --health-* options')
})

const image: ImageHealthcheck = { Test: ['CMD-SHELL', 'echo hi'], Interval: 7e9, Timeout: 3e9, Retries: 9 }

// As Docker 20.10 answered for the same image.
// biome-ignore format: a table
test.each<[RunOptions, ImageHealthcheck | undefined, ImageHealthcheck | undefined]>([
  [{}, undefined, undefined],
  [{}, image, image],
  [{ healthcheck: { retries: 2 } }, image, { ...image, Retries: 2 }],
  [{ healthcheck: { test: 'x' } }, image, { ...image, Test: ['CMD-SHELL', 'x'] }],
  [{ noHealthcheck: true }, image, { ...image, Test: ['NONE'] }],
  [{ healthcheck: { test: '', interval: 1000 } }, image, { ...image, Interval: 1e9 }],
  [{ healthcheck: { retries: 0, startPeriod: 3 } }, image, { ...image, StartPeriod: 3e6 }],
  [{ healthcheck: { interval: '2s' } }, undefined, { Interval: 2e9 }],
  [{ healthcheck: { test: 'true', interval: 0 } }, undefined, { Test: ['CMD-SHELL', 'true'] }],
  [{ healthcheck: { test: '' } }, undefined, undefined],
])('merges %j with %j', (options, ofImage, merged) => {
  expect(mergeHealthcheck(parseHealthcheck(options), ofImage)).toEqual(merged)
})

const scheduleOf = (options: RunOptions, ofImage: object = {}) => {
  const healthcheck = parseHealthcheck(options)
  return healthSchedule({ ...(healthcheck && { healthcheck }) } as ContainerConfig, ofImage)
}

test("fills in Docker's defaults", () => {
  expect(scheduleOf({ healthcheck: { test: 'true' } })).toEqual({
    command: ['/bin/sh', '-c', 'true'],
    intervalMs: 30_000,
    timeoutMs: 30_000,
    startPeriodMs: 0,
    startIntervalMs: 5000,
    retries: 3,
    expired: 'Health check exceeded timeout (30s)',
  })
})

test("runs commands by the image's shell, programs as they are", () => {
  const Shell = ['/bin/bash', '-x', '-c']
  expect(scheduleOf({}, { Healthcheck: image, Shell })).toMatchObject({
    command: ['/bin/bash', '-x', '-c', 'echo hi'],
    expired: 'Health check exceeded timeout (3s)',
  })
  expect(scheduleOf({ healthcheck: { test: ['CMD', 'a', 'b'] } }, { Shell })).toMatchObject({ command: ['a', 'b'] })
})

test.each([
  [{ noHealthcheck: true }, image],
  [{}, { Test: ['NONE'] }],
  [{}, { Test: ['FOO', 'x'] }],
  [{}, { Test: ['CMD'] }],
  [{}, { Interval: 1e9 }],
  [{ healthcheck: { interval: 1000 } }, undefined],
])('checks nothing for %j of an image with %j', (options, Healthcheck) => {
  expect(scheduleOf(options, { Healthcheck })).toBeUndefined()
})
