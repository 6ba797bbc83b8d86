import { describe, expect, it } from 'vitest'
import { logStorage, parseLog } from './log.js'
import { attributesMember, type LogSubject, logAttributes } from './log-tag.js'
import type { RunOptions } from './options.js'

const parse = (logDriver: string | undefined, logOpt: RunOptions['logOpt'] = {}) =>
  parseLog({ ...(logDriver !== undefined && { logDriver }), logOpt }, { mine: {}, picky: { check: refuse } })

function refuse(): never {
  throw new Error('no host')
}

describe('drivers and options', () => {
  it('json-file without limits is the default', () => {
    expect(parse(undefined)).toEqual({ driver: 'json-file', options: {} })
    expect(parse('')).toEqual({ driver: 'json-file', options: {} })
    expect(logStorage(parse(undefined))).toEqual({ format: 'jsonFile', maximumBytes: 0, files: 1, compress: false })
  })

  it('options come as texts, in camelCase, as lists, and later ones win', () => {
    expect(
      parse('json-file', ['max-size=1m', { maxSize: '10k', maxFile: 3, labels: ['a', 'b'], compress: false }]),
    ).toEqual({
      driver: 'json-file',
      options: { compress: 'false', labels: 'a,b', 'max-file': '3', 'max-size': '10k' },
    })
  })

  it.each([
    ['json-file', { maxSize: '1k', maxFile: 3 }, { format: 'jsonFile', maximumBytes: 1000, files: 3, compress: false }],
    ['json-file', { maxSize: '1.5 MiB' }, { format: 'jsonFile', maximumBytes: 1_500_000, files: 1, compress: false }],
    [
      'json-file',
      { maxSize: '1k', maxFile: 2, compress: true },
      { format: 'jsonFile', maximumBytes: 1000, files: 2, compress: true },
    ],
    ['local', {}, { format: 'local', maximumBytes: 20 * 1024 * 1024, files: 5, compress: true }],
    [
      'local',
      { maxFile: 1, compress: 'false' },
      { format: 'local', maximumBytes: 20 * 1024 * 1024, files: 1, compress: false },
    ],
    ['none', {}, undefined],
    [
      'mine',
      { cacheMaxSize: '1m', 'cache-max-file': '2', theirs: 'x' },
      { format: 'local', maximumBytes: 1e6, files: 2, compress: false },
    ],
  ] as const)('%s with %j is kept as %j', (driver, options, storage) => {
    expect(logStorage(parse(driver, options))).toEqual(storage)
  })

  it.each([
    ['foo', {}, 'error looking up logging plugin foo: plugin "foo" not found'],
    ['json-file', { foo: 'bar' }, "unknown log opt 'foo' for json-file log driver"],
    ['json-file', { maxSize: 'abc' }, "failed to initialize logging driver: invalid size: 'abc'"],
    ['json-file', { maxSize: '-1' }, "failed to initialize logging driver: invalid size: '-1'"],
    ['json-file', { maxSize: 0 }, 'failed to initialize logging driver: max-size must be a positive number'],
    [
      'json-file',
      { maxSize: '10k', maxFile: 0 },
      'failed to initialize logging driver: max-file cannot be less than 1',
    ],
    [
      'json-file',
      { maxFile: 'abc' },
      'failed to initialize logging driver: strconv.Atoi: parsing "abc": invalid syntax',
    ],
    [
      'json-file',
      { maxSize: '10k', compress: true },
      'failed to initialize logging driver: compress cannot be true when max-file is less than 2 or max-size is not set',
    ],
    [
      'json-file',
      { maxSize: '10k', maxFile: 2, compress: 'blah' },
      'failed to initialize logging driver: strconv.ParseBool: parsing "blah": invalid syntax',
    ],
    ['json-file', { envRegex: '[' }, 'failed to initialize logging driver: error parsing regexp:'],
    ['json-file', { tag: '{{.Foo}}' }, "can't evaluate field Foo in type *logger.Info"],
    ['json-file', { mode: 'foo' }, 'logger: logging mode not supported: foo'],
    ['json-file', { maxBufferSize: '1m' }, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
    ['local', { foo: 'bar' }, "unknown log opt 'foo' for log driver local"],
    ['local', { labels: 'a' }, "unknown log opt 'labels' for log driver local"],
    [
      'local',
      { maxFile: 1 },
      'failed to initialize logging driver: compression cannot be enabled when max file count is 1',
    ],
    ['none', { maxSize: '1m' }, 'invalid logging opts for driver none'],
    ['picky', { theirs: 'x' }, 'failed to initialize logging driver: no host'],
  ] as const)('%s with %j is refused as by Docker', (driver, options, message) => {
    expect(() => parse(driver, options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    )
  })
})

describe('attributes', () => {
  const subject: LogSubject = {
    id: '6925ac68719c40d02fda9bc998ad3f4ce661683618dff9ccdfdbbbeee6313614',
    name: 'logs-a',
    imageId: 'sha256:625fc8b580b7aa',
    imageName: 'busybox',
    labels: { x: '1', y: 'q"<é', rr: '2', other: '3' },
    env: ['A=1', 'E2=b', 'PATH=/bin'],
    command: ['sh', '-c', 'true'],
  }
  const member = (options: Record<string, string>) =>
    attributesMember(logAttributes({ driver: 'json-file', options }, subject))

  it('are what Docker adds to each line', () => {
    expect(
      member({
        labels: 'x,y,zz',
        'labels-regex': '^r',
        env: 'A,B',
        'env-regex': '^E',
        tag: '{{.Name}}/{{.ID}}/{{.FullID}}/{{.ImageName}}/{{.ImageID}}/{{.DaemonName}}',
      }),
    ).toBe(
      String.raw`"attrs":{"A":"1","E2":"b","rr":"2","tag":"logs-a/6925ac68719c/6925ac68719c40d02fda9bc998ad3f4ce661683618dff9ccdfdbbbeee6313614/busybox/sha256:625fc/docker","x":"1","y":"q\"\u003cé"},`,
    )
  })

  it('are none when nothing matches', () => expect(member({ labels: 'nope', env: 'NOPE' })).toBe(''))

  it('keep backslashes apart from what follows them', () => {
    const odd = { ...subject, labels: { odd: '\\b\b&' } }
    expect(attributesMember(logAttributes({ driver: 'json-file', options: { labels: 'odd' } }, odd))).toBe(
      String.raw`"attrs":{"odd":"\\b\u0008\u0026"},`,
    )
  })
})
