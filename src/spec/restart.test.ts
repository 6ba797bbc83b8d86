import { describe, expect, test } from 'vitest'
import type { RestartInput } from './options.js'
import { checkRestartAndRemoval, type LastRun, noRestart, parseRestart, startsAtBoot } from './restart.js'

describe('restart policies', () => {
  test.each<[RestartInput | undefined, string, number]>([
    [undefined, 'no', 0],
    ['', 'no', 0],
    ['no', 'no', 0],
    ['no:0', 'no', 0],
    ['always', 'always', 0],
    ['always:', 'always', 0],
    ['unless-stopped', 'unless-stopped', 0],
    ['on-failure', 'on-failure', 0],
    ['on-failure:5', 'on-failure', 5],
    ['on-failure:+2', 'on-failure', 2],
    [{ name: 'on-failure', maximumRetryCount: 3 }, 'on-failure', 3],
    [{ name: 'always' }, 'always', 0],
  ])('%j is %s, %i times', (input, name, maximumRetryCount) => {
    expect(parseRestart(input)).toEqual({ name, maximumRetryCount })
  })

  test.each<[RestartInput, string]>([
    [':3', 'invalid restart policy format: no policy provided before colon'],
    ['on-failure:x', 'invalid restart policy format: maximum retry count must be an integer'],
    ['on-failure:1.5', 'invalid restart policy format: maximum retry count must be an integer'],
    ['on-failure: 3', 'invalid restart policy format: maximum retry count must be an integer'],
    ['on-failure:99999999999999999999', 'invalid restart policy format: maximum retry count must be an integer'],
    ['on-failure:-1', 'maximum retry count cannot be negative'],
    ['always:3', "maximum retry count cannot be used with restart policy 'always'"],
    ['no:1', "maximum retry count cannot be used with restart policy 'no'"],
    ['sometimes', "invalid restart policy 'sometimes'"],
    ['On-Failure', "invalid restart policy 'On-Failure'"],
    [{ name: 'on-failure', maximumRetryCount: 0.5 }, 'invalid value for restart: 0.5'],
  ])('refuses %j as Docker does: %s', (input, message) => {
    expect(() => parseRestart(input)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(new RegExp(`^${message}:`)) }),
    )
  })

  test('a container that removes itself cannot be started again', () => {
    const always = parseRestart('always')
    expect(() => checkRestartAndRemoval(always, true)).toThrow(/^conflicting options: cannot specify both/)
    expect(() => checkRestartAndRemoval(always, false)).not.toThrow()
    expect(() => checkRestartAndRemoval(noRestart, true)).not.toThrow()
  })
})

describe('what is started when the machine comes up', () => {
  const last = (exitCode: number, more: Partial<LastRun> = {}): LastRun => ({
    exitCode,
    restarts: 0,
    isStopped: false,
    ...more,
  })

  test.each<[string, LastRun, boolean]>([
    ['no', last(255), false],
    ['always', last(0), true],
    ['always', last(137, { isStopped: true }), true],
    ['unless-stopped', last(0), true],
    ['unless-stopped', last(137, { isStopped: true }), false],
    ['on-failure', last(0), false],
    ['on-failure', last(255), true],
    ['on-failure', last(137, { isStopped: true }), true],
    ['on-failure:3', last(1, { restarts: 2 }), true],
    ['on-failure:3', last(1, { restarts: 3 }), false],
  ])('%s after %j: %s', (policy, run, starts) => {
    expect(startsAtBoot(parseRestart(policy), run)).toBe(starts)
  })
})
