import { describe, expect, it } from 'vitest'
import { checkObeyed, dumped, readAnswers, readAttributes, readText, refusals } from './answers.js'
import { raiseLoopbackLink } from './links.js'
import { attribute, encodeMessages, nested, request, text, u8, u16, u32 } from './messages.js'

describe('encodeMessages', () => {
  it('numbers messages, and starts each at a multiple of four bytes', () => {
    const [first, second] = readAnswers(
      encodeMessages([request(16, 0, Buffer.from('abc')), request(20, 0x400, u16(7))], 40),
    )
    expect(first).toMatchObject({ type: 16, flags: 0x5, sequence: 40, body: Buffer.from('abc') })
    expect(second).toMatchObject({ type: 20, flags: 0x405, sequence: 41, body: Buffer.from([7, 0]) })
  })

  it('raises the loopback interface by the bytes that launch plans have', () => {
    expect(Buffer.from(encodeMessages([raiseLoopbackLink()])).toString('hex')).toBe(
      '200000001000050001000000000000000000000001000000' + '0100000001000000',
    )
  })
})

describe('attributes', () => {
  it('are read as they were written, nested ones too', () => {
    const bytes = Buffer.concat([
      attribute(3, text('eth0')),
      nested(18, attribute(1, text('veth')), attribute(2, u8(9))),
    ])
    const attributes = readAttributes(bytes)
    expect(readText(attributes.get(3) ?? Buffer.alloc(0))).toBe('eth0')
    expect(readAttributes(attributes.get(18) ?? Buffer.alloc(0)).get(2)).toEqual(Buffer.from([9]))
  })

  it('cannot be longer than their length can say', () => {
    expect(() => attribute(1, Buffer.alloc(65_532))).toThrow(RangeError)
  })
})

describe('answers', () => {
  /** A struct nlmsgerr for a message without a body. */
  const failure = (flags: number, error: number, extension = Buffer.alloc(0)) =>
    encodeMessages([{ type: 2, flags, body: Buffer.concat([u32(error), u32(16), Buffer.alloc(12), extension]) }], 5)

  it('say what was refused, in the words of the kernel where it has some', () => {
    const reason = Buffer.from(attribute(1, text('Device does not exist')))
    const answers = readAnswers(
      Buffer.concat([failure(0x100, 0), failure(0x300, -19, reason), failure(0x200, -17, reason)]),
    )
    expect(refusals(answers)).toEqual([
      { sequence: 5, errno: 'ENODEV', reason: 'Device does not exist' },
      { sequence: 5, errno: 'EEXIST', reason: 'Device does not exist' },
    ])
    expect(() => checkObeyed('cannot make the bridge', answers)).toThrow(
      'cannot make the bridge: ENODEV: Device does not exist',
    )
  })

  it('of a dump that was disturbed are none', () => {
    const done = { type: 3, flags: 0, body: u32(0) }
    expect(dumped('links', readAnswers(encodeMessages([{ type: 16, flags: 0, body: u32(1) }, done])))).toHaveLength(1)
    expect(
      dumped('links', readAnswers(encodeMessages([{ type: 16, flags: 0x10, body: u32(1) }, done]))),
    ).toBeUndefined()
  })

  it.each([
    '10',
    '0f000000020000000000000000000000',
    '20000000020000000000000000000000',
    '12000000020000000000000000000000ffff',
  ])('that do not add up are refused: %s', (hex) => {
    expect(() => refusals(readAnswers(Buffer.from(hex, 'hex')))).toThrow(
      expect.objectContaining({ code: 'SYSCALL_FAILED', details: { syscall: 'netlink', errno: 'EBADMSG' } }),
    )
  })

  it.each(['0300', '03000100', '0900010000000000', '04000100ff'])(
    'with attributes that do not add up are refused: %s',
    (hex) => {
      expect(() => readAttributes(Buffer.from(hex, 'hex'))).toThrow('the kernel answered what is no netlink message')
    },
  )
})
