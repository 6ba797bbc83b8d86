import { describe, expect, it } from 'vitest'
import { failureOf } from './fixture.js'
import {
  engineLimits,
  type HostFacts,
  hostFacts,
  judgeHost,
  parseCapabilities,
  parseRlimits,
  probeHost,
} from './index.js'

const good: HostFacts = {
  kernelRelease: '6.1.0',
  effectiveUid: 0,
  effectiveCapabilities: 0x1ffffffffffn,
  syscallErrors: { openat2: 22, clone3: 22, close_range: 0, pidfd_send_signal: 9 },
  overlay: true,
}

const judged = (lack: Partial<HostFacts>) => failureOf(() => judgeHost({ ...good, ...lack }))

describe('judgeHost', () => {
  it('accepts a host that has everything, with or without overlay', () => {
    expect(judgeHost(good)).toBeUndefined()
    expect(judgeHost({ ...good, overlay: false })).toBeUndefined()
  })

  it('tells another user the command that runs this very program as root', () => {
    const error = judged({ effectiveUid: 1000, effectiveCapabilities: 0n })
    expect(error).toMatchObject({ code: 'UNSUPPORTED_HOST', details: { feature: 'root' } })
    expect(error).toHaveProperty('details.hint', expect.stringMatching(/^sudo -E \S+ /))
  })

  it('names the capabilities that root lacks in a container', () => {
    const error = judged({ effectiveCapabilities: 0xa80425fbn })
    expect(error).toMatchObject({ details: { feature: 'CAP_NET_ADMIN,CAP_SYS_ADMIN' } })
    expect(error.message).toContain('docker run --privileged')
  })

  it('accepts another user that has the capabilities', () => {
    expect(judgeHost({ ...good, effectiveUid: 1000 })).toBeUndefined()
  })

  it.each([
    ['a system call that the kernel lacks', { openat2: 38 }, 'openat2', 'Linux 5.12'],
    ['a flag that the kernel lacks', { close_range: 22 }, 'close_range', 'Linux 5.12'],
    ['a system call that a seccomp profile forbids', { clone3: 1 }, 'clone3', 'seccomp=unconfined'],
  ])('names %s', (_, syscallErrors, feature, words) => {
    const error = judged({ syscallErrors })
    expect(error).toMatchObject({ code: 'UNSUPPORTED_HOST', details: { feature } })
    expect(error.message).toContain(words)
  })
})

describe('probeHost', () => {
  it('finds this host good, and remembers', () => {
    expect(probeHost()).toBe(probeHost())
    expect(probeHost()).toEqual(hostFacts())
  })
})

describe('engineLimits', () => {
  it('reads the capability sets of this process', () => {
    expect(engineLimits().capabilities.effective & 1n).toBe(1n)
    expect(parseCapabilities('Name:\tx\nCapPrm:\t000001fffeffffff\nCapBnd:\t00000000a80425fb\n')).toMatchObject({
      permitted: 0x1fffeffffffn,
      bounding: 0xa80425fbn,
      inheritable: 0n,
    })
  })

  it('reads every limit, unlimited as Infinity', () => {
    const { rlimits } = engineLimits()
    expect(Object.keys(rlimits)).toHaveLength(16)
    expect(
      parseRlimits('Limit   Soft\nMax open files            1024                 4096                 files     \n'),
    ).toEqual({
      RLIMIT_NOFILE: { soft: 1024, hard: 4096 },
    })
    expect(parseRlimits('Max cpu time              unlimited            unlimited            seconds   ')).toEqual({
      RLIMIT_CPU: { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY },
    })
  })
})
