import { describe, expect, it } from 'vitest'
import { hostPlatformName, platformName, verifyRunnable } from './build-platforms.js'

describe('the name of a platform', () => {
  it.each([
    ['x86_64', 'linux/amd64'],
    ['linux/amd64', 'linux/amd64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['aarch64', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/v6', 'linux/arm/v6'],
    ['linux', hostPlatformName()],
  ])('of %s is %s', (text, name) => {
    expect(platformName(text)).toBe(name)
  })

  it.each(['windows/amd64', 'linux/vax', 'a/b/c/d'])('refuses %s', (text) => {
    expect(() => platformName(text)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

describe('what programs can be run', () => {
  it('has the platform of the host', async () => {
    await expect(verifyRunnable(hostPlatformName(), () => false)).resolves.toBeUndefined()
  })

  it('has not one that nobody has a handler for, and says what mends that', async () => {
    await expect(verifyRunnable('linux/loong64', () => true)).rejects.toMatchObject({
      name: 'UnsupportedHostError',
      code: 'UNSUPPORTED_HOST',
      message: expect.stringContaining('programs for linux/loong64 cannot be run on this host'),
      details: { platform: 'linux/loong64', hint: expect.stringContaining('apt-get install qemu-user-static') },
    })
  })

  it.runIf(process.arch === 'x64')('has not a level of the processor that there is none of', async () => {
    await expect(verifyRunnable('linux/amd64/v9', () => true)).rejects.toMatchObject({ code: 'UNSUPPORTED_HOST' })
  })
})
