import { expect, test } from 'vitest'
import type { DeviceRule } from '../spec/types.js'
import { compileDeviceFilter } from './device-filter.js'

const letters = { m: 1, r: 2, w: 4 } as const

/** What the kernel would do with the program: the instructions that the compiler uses, interpreted. */
function verdict(
  program: Uint8Array,
  type: 'b' | 'c',
  major: number,
  minor: number,
  access: keyof typeof letters,
): boolean {
  const bytes = Buffer.from(program)
  const context = [((letters[access] << 16) | (type === 'b' ? 1 : 2)) >>> 0, major, minor]
  const r: number[] = Array(11).fill(0)
  for (let pc = 0; ; pc++) {
    const at = pc * 8
    const [code, registers] = [bytes.readUInt8(at), bytes.readUInt8(at + 1)]
    const [offset, immediate] = [bytes.readInt16LE(at + 2), bytes.readInt32LE(at + 4)]
    const [d, s] = [registers & 15, registers >> 4]
    if (code === 0x61) r[d] = context[offset / 4] as number
    else if (code === 0x54) r[d] = (r[d] as number) & immediate
    else if (code === 0x74) r[d] = (r[d] as number) >>> immediate
    else if (code === 0xbf) r[d] = r[s] as number
    else if (code === 0xb7) r[d] = immediate
    else if (code === 0x55) pc += r[d] === immediate ? 0 : offset
    else if (code === 0x5d) pc += r[d] === r[s] ? 0 : offset
    else if (code === 0x95) return r[0] === 1
    else throw new Error(`instruction ${code}`)
  }
}

const rules: DeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
  { allow: true, type: 'c', major: 136, access: 'rw' },
  { allow: false, type: 'c', major: 136, minor: 7, access: 'w' },
]

test.each([
  ['c', 1, 3, 'r', true],
  ['c', 1, 3, 'm', true],
  ['b', 1, 3, 'r', false],
  ['c', 1, 5, 'r', false],
  ['c', 200, 1, 'm', true],
  ['b', 200, 1, 'm', false],
  ['c', 136, 0, 'w', true],
  ['c', 136, 7, 'w', false],
  ['c', 136, 7, 'r', true],
] as const)('%s %i:%i %s is %s', (type, major, minor, access, allowed) => {
  expect(verdict(compileDeviceFilter(rules), type, major, minor, access)).toBe(allowed)
})

test('a rule that covers everything hides those before it', () => {
  const program = compileDeviceFilter([...rules, { allow: true, access: 'rwm' }])
  expect(verdict(program, 'b', 8, 0, 'w')).toBe(true)
  expect(program.length).toBe(8 * 8)
})
