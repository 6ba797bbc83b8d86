import { describe, expect, it } from 'vitest'
import { parseReference, withDefaultTag, withoutTag } from './reference.js'

const hex = '7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa'

describe('parseReference', () => {
  it.each([
    ['redis', 'docker.io/library/redis', 'redis'],
    ['redis:7', 'docker.io/library/redis:7', 'redis:7'],
    ['library/redis', 'docker.io/library/redis', 'redis'],
    ['docker.io/redis', 'docker.io/library/redis', 'redis'],
    ['docker.io/library/redis:7', 'docker.io/library/redis:7', 'redis:7'],
    ['index.docker.io/redis', 'docker.io/library/redis', 'redis'],
    ['index.docker.io/me/app', 'docker.io/me/app', 'me/app'],
    ['me/app:1', 'docker.io/me/app:1', 'me/app:1'],
    ['docker.io/library/a/b', 'docker.io/library/a/b', 'library/a/b'],
    ['localhost/app', 'localhost/app', 'localhost/app'],
    ['localhost:5000/app:x', 'localhost:5000/app:x', 'localhost:5000/app:x'],
    ['127.0.0.1:5000/library/debian', '127.0.0.1:5000/library/debian', '127.0.0.1:5000/library/debian'],
    ['[2001:db8::1]:5000/repo', '[2001:db8::1]:5000/repo', '[2001:db8::1]:5000/repo'],
    ['[::1]/repo', '[::1]/repo', '[::1]/repo'],
    ['Registry/app', 'Registry/app', 'Registry/app'],
    ['xn--n3h.com/myimage:xn--n3h.com', 'xn--n3h.com/myimage:xn--n3h.com', 'xn--n3h.com/myimage:xn--n3h.com'],
    ['foo/foo_bar.com:8080', 'docker.io/foo/foo_bar.com:8080', 'foo/foo_bar.com:8080'],
    ['a__b/c--d', 'docker.io/a__b/c--d', 'a__b/c--d'],
    ['foo-a.b', 'docker.io/library/foo-a.b', 'foo-a.b'],
    [`redis@sha256:${hex}`, `docker.io/library/redis@sha256:${hex}`, `redis@sha256:${hex}`],
    [`redis:7@sha256:${hex}`, `docker.io/library/redis:7@sha256:${hex}`, `redis:7@sha256:${hex}`],
    [`r${hex}`, `docker.io/library/r${hex}`, `r${hex}`],
    [hex.slice(1), `docker.io/library/${hex.slice(1)}`, hex.slice(1)],
  ])('reads %s as %s', (text, normalised, familiar) => {
    const reference = parseReference(text)
    expect(reference.toString()).toBe(normalised)
    expect(`${reference}`).toBe(normalised)
    expect(reference.familiar()).toBe(familiar)
  })

  it.each([
    ['', 'invalid reference format'],
    [' redis', 'invalid reference format'],
    ['redis ', 'invalid reference format'],
    ['redis\n', 'invalid reference format'],
    [':tag', 'invalid reference format'],
    ['redis:', 'invalid reference format'],
    ['redis@', 'invalid reference format'],
    ['redis:-x', 'invalid reference format'],
    [`redis:${'x'.repeat(129)}`, 'invalid reference format'],
    ['a//b', 'invalid reference format'],
    ['/redis', 'invalid reference format'],
    ['redis/', 'invalid reference format'],
    ['-redis', 'invalid reference format'],
    ['redis-', 'invalid reference format'],
    ['a___b', 'invalid reference format'],
    ['a..b', 'invalid reference format'],
    ['https://github.com/docker/docker', 'invalid reference format'],
    ['docker.io/docker///docker', 'invalid reference format'],
    ['[fe80::1%eth0]:5000/repo', 'invalid reference format'],
    ['[fe80::1]x:5000/repo', 'invalid reference format'],
    ['-host.com/app', 'invalid reference format'],
    ['foo_bar.com:8080/app', 'invalid reference format'],
    ['Redis', 'invalid reference format: repository name (library/Redis) must be lowercase'],
    ['docker.io/Redis', 'invalid reference format: repository name (library/Redis) must be lowercase'],
    ['foo/Foo:Tag', 'invalid reference format: repository name (foo/Foo) must be lowercase'],
    [hex, `invalid repository name (${hex}), cannot specify 64-byte hexadecimal strings`],
    [`redis@sha256:${hex.slice(2)}`, 'invalid checksum digest length'],
    [`redis@sha256:${hex.toUpperCase()}`, 'invalid checksum digest format'],
    [`redis@md5:${hex}`, 'unsupported digest algorithm'],
    [`redis@sha256:${hex.slice(33)}`, 'invalid reference format'],
    [`${'a/'.repeat(128)}a`, 'repository name must not be more than 255 characters'],
  ])('refuses %j: %s', (text, message) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ name: 'InvalidOptionError', code: 'INVALID_REFERENCE', message }),
    )
  })

  it('accepts a path of 255 characters in a long domain', () => {
    const path = `${'a/'.repeat(127)}a`
    expect(parseReference(`${'x'.repeat(60)}.example.com/${path}`).path).toBe(path)
  })

  it('tells domain, path, tag and digest', () => {
    expect(parseReference(`localhost:5000/a/b:c@sha256:${hex}`)).toMatchObject({
      domain: 'localhost:5000',
      path: 'a/b',
      tag: 'c',
      digest: `sha256:${hex}`,
      name: 'localhost:5000/a/b',
    })
  })

  it('takes time in proportion to the length of a hostile name', () => {
    const started = performance.now()
    expect(() => parseReference(`${'a-'.repeat(50_000)}!`)).toThrow('invalid reference format')
    expect(() => parseReference(`${'a.'.repeat(50_000)}!/x`)).toThrow('invalid reference format')
    expect(performance.now() - started).toBeLessThan(1000)
  })
})

it('adds latest only where neither tag nor digest is', () => {
  expect(withDefaultTag(parseReference('redis')).familiar()).toBe('redis:latest')
  expect(withDefaultTag(parseReference('redis:7')).familiar()).toBe('redis:7')
  expect(withDefaultTag(parseReference(`redis@sha256:${hex}`)).tag).toBeUndefined()
})

it('drops a tag beside a digest', () => {
  expect(withoutTag(parseReference(`redis:7@sha256:${hex}`)).familiar()).toBe(`redis@sha256:${hex}`)
})
