import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseReference, withDefaultTag } from './reference.js'

const hex = 'ab'.repeat(32)
const malformed = 'invalid reference format'

// As the clients and daemons of Docker 20.10 and 28.2 answer.
describe('a name that Docker takes', () => {
  it.each([
    ['redis_x', 'docker.io/library/redis_x', 'redis_x'],
    ['re__dis', 'docker.io/library/re__dis', 're__dis'],
    ['re--dis', 'docker.io/library/re--dis', 're--dis'],
    ['redis:_7', 'docker.io/library/redis:_7', 'redis:_7'],
    ['redis:7.', 'docker.io/library/redis:7.', 'redis:7.'],
    ['docker.io/a/b/c', 'docker.io/a/b/c', 'a/b/c'],
    ['library/a/b', 'docker.io/library/a/b', 'library/a/b'],
    ['reg/redis', 'docker.io/reg/redis', 'reg/redis'],
    ['Reg/redis', 'Reg/redis', 'Reg/redis'],
    ['REG.local:5000/x/y', 'REG.local:5000/x/y', 'REG.local:5000/x/y'],
    ['Localhost/x', 'Localhost/x', 'Localhost/x'],
    ['1.2.3.4/x', '1.2.3.4/x', '1.2.3.4/x'],
    ['a.b', 'docker.io/library/a.b', 'a.b'],
    ['docker.io', 'docker.io/library/docker.io', 'docker.io'],
    ['localhost', 'docker.io/library/localhost', 'localhost'],
    ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
    ['reg.local:99999/x', 'reg.local:99999/x', 'reg.local:99999/x'],
    ['[::1]:5000/x:1', '[::1]:5000/x:1', '[::1]:5000/x:1'],
    [`library/${hex}`, `docker.io/library/${hex}`, hex],
    [`reg.local/${hex}`, `reg.local/${hex}`, `reg.local/${hex}`],
    [`${hex}:x`, `docker.io/library/${hex}:x`, `${hex}:x`],
    [`redis:${'x'.repeat(128)}`, `docker.io/library/redis:${'x'.repeat(128)}`, `redis:${'x'.repeat(128)}`],
    ['x'.repeat(247), `docker.io/library/${'x'.repeat(247)}`, 'x'.repeat(247)],
    [`reg.local/${'x'.repeat(255)}`, `reg.local/${'x'.repeat(255)}`, `reg.local/${'x'.repeat(255)}`],
    [`[::1]:5000/a/b:c@sha256:${hex}`, `[::1]:5000/a/b:c@sha256:${hex}`, `[::1]:5000/a/b:c@sha256:${hex}`],
  ])('%s is %s', (text, normalised, familiar) => {
    expect(parseReference(text).toString()).toBe(normalised)
    expect(parseReference(text).familiar()).toBe(familiar)
  })
})

describe('a name that Docker refuses', () => {
  it.each([
    ['reg:port/redis', malformed],
    ['x:y/z', malformed],
    ['::1/redis', malformed],
    ['[::1]', malformed],
    ['[fe80::1%eth0]:5000/x', malformed],
    ['reg.local:/redis', malformed],
    ['-reg.local/redis', malformed],
    ['reg-.local/redis', malformed],
    ['reg.local./redis', malformed],
    ['docker.io/', malformed],
    ['http://redis', malformed],
    ['redis:7:8', malformed],
    ['redis:.7', malformed],
    ['redis:a+b', malformed],
    [`redis:${'x'.repeat(129)}`, malformed],
    ['re___dis', malformed],
    ['re..dis', malformed],
    ['re._dis', malformed],
    ['_redis', malformed],
    ['.redis', malformed],
    ['r\u00e9dis', malformed],
    ['redis 7', malformed],
    ['x@y', malformed],
    ['redis@sha256:xyz', malformed],
    ['me/Redis', `${malformed}: repository name (me/Redis) must be lowercase`],
    ['reg.local/Redis', `${malformed}: repository name (Redis) must be lowercase`],
    [`redis@sha256:${hex}0`, 'invalid checksum digest length'],
    [`redis@sha512:${hex}`, 'invalid checksum digest length'],
    [`redis@sha256:${hex.toUpperCase()}`, 'invalid checksum digest format'],
    [`redis@md5:${hex.slice(32)}`, 'unsupported digest algorithm'],
    ['x'.repeat(248), 'repository name must not be more than 255 characters'],
    [`library/${'x'.repeat(248)}`, 'repository name must not be more than 255 characters'],
    [hex, `invalid repository name (${hex}), cannot specify 64-byte hexadecimal strings`],
  ])('%s', (text, message) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ name: 'InvalidOptionError', code: 'INVALID_REFERENCE', message }),
    )
  })

  it('and one that Docker takes for an image without a registry: a host that cannot be one', () => {
    expect(() => parseReference('reg_local.x/redis')).toThrow(malformed)
  })
})

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
const component = fc
  .tuple(word, fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '--'), word), { maxLength: 3 }))
  .map(([first, rest]) => first + rest.flat().join(''))
const label = fc.stringMatching(/^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?$/)
const port = fc.option(fc.integer({ min: 0, max: 65535 }), { nil: undefined })
const host = fc.oneof(
  fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.')),
  fc.ipV4(),
  fc.constantFrom('localhost', '[::1]', '[2001:db8::1]'),
)
const domain = fc.tuple(host, port).map(([name, number]) => (number === undefined ? name : `${name}:${number}`))
const parts = fc.record({
  domain: fc.option(domain, { nil: undefined }),
  path: fc.array(component, { minLength: 1, maxLength: 4 }).map((components) => components.join('/')),
  tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: undefined }),
  digest: fc.option(
    fc.stringMatching(/^[a-f0-9]{64}$/).map((digits) => `sha256:${digits}`),
    { nil: undefined },
  ),
})

describe('any name', () => {
  it('is read again from both its forms as what it was', () => {
    fc.assert(
      fc.property(parts, ({ domain: at, path, tag, digest }) => {
        // With a dot the first of several components is a host, which may not be a valid one.
        fc.pre(at !== undefined || !/^[^/]*\.[^/]*\//.test(path))
        const name = at === undefined ? path : `${at}/${path}`
        const reference = parseReference(name + (tag ? `:${tag}` : '') + (digest ? `@${digest}` : ''))
        const same = { ...reference, familiar: expect.any(Function), toString: expect.any(Function) }
        expect(parseReference(reference.toString())).toEqual(same)
        expect(parseReference(reference.familiar())).toEqual(same)
        expect(reference.tag).toBe(tag)
        expect(reference.digest).toBe(digest)
        expect(withDefaultTag(reference).tag ?? reference.digest).toBeDefined()
      }),
      { numRuns: 500 },
    )
  })

  it('is a name of at most 255 characters and a tag of at most 128, or refused as malformed, whatever the text', () => {
    const alphabet = fc.constantFrom(...'aZ0./:@-_[] \u00e9')
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: alphabet, maxLength: 40 }), fc.string({ maxLength: 40 })), (text) => {
        const outcome = attempt(text)
        expect(outcome.code ?? outcome.again).toBe(outcome.code === undefined ? outcome.whole : 'INVALID_REFERENCE')
      }),
      { numRuns: 2000 },
    )
  })
})

function attempt(text: string): { code?: string; whole?: string; again?: string } {
  try {
    const whole = parseReference(text).toString()
    return { whole, again: parseReference(whole).toString() }
  } catch (error) {
    return { code: (error as { code: string }).code }
  }
}
