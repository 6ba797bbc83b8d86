import { invalidOption } from '../invalid.js'

/** Classic BPF, as far as seccomp filters need it. @see seccomp(2), linux/filter.h */
const opcodes = { load: 0x20, and: 0x54, jump: 0x05, equal: 0x15, greater: 0x25, atLeast: 0x35, return: 0x06 } as const

/** The kernel takes no longer program. */
const maxInstructions = 4096

export type Condition = 'equal' | 'greater' | 'atLeast'

/** A place in a program, known when the program is complete. */
export class Label {
  at = -1
}

interface Instruction {
  readonly code: number
  readonly k: number
  readonly yes?: Label | undefined
  readonly no?: Label | undefined
}

/** Writes a program of `struct sock_filter`s. Jumps go forward only. */
export class Assembler {
  readonly #instructions: Instruction[] = []

  /** The accumulator becomes the 32-bit word at an offset of struct seccomp_data. */
  load(offset: number): void {
    this.#instructions.push({ code: opcodes.load, k: offset })
  }

  and(mask: number): void {
    this.#instructions.push({ code: opcodes.and, k: mask })
  }

  return(value: number): void {
    this.#instructions.push({ code: opcodes.return, k: value })
  }

  /** Compares the accumulator; a side without a label goes on with the next instruction. */
  branch(condition: Condition, k: number, yes?: Label, no?: Label): void {
    this.#instructions.push({ code: opcodes[condition], k, yes, no })
  }

  here(label: Label): void {
    label.at = this.#instructions.length
  }

  /**
   * The program's bytes, little-endian.
   *
   * @throws {InvalidOptionError} INVALID_OPTION when it is longer than the kernel takes
   */
  finish(): Uint8Array {
    const layout = layOut(this.#instructions)
    const length = layout.positions.at(-1) ?? 0
    if (length > maxInstructions)
      throw invalidOption(
        'securityOpt',
        `the seccomp profile needs ${length} instructions, the kernel takes ${maxInstructions}`,
        'give it fewer rules with arguments',
      )
    const view = new DataView(new ArrayBuffer(length * 8))
    this.#instructions.forEach((instruction, index) => {
      write(view, instruction, layout, index)
    })
    return new Uint8Array(view.buffer)
  }
}

interface Layout {
  /** Where each instruction begins, and the end of the program. */
  readonly positions: readonly number[]
  /** Branches to labels further away than a conditional jump reaches: they go through unconditional ones. */
  readonly long: ReadonlySet<number>
}

const reach = 255

/** Making one branch long moves others apart, so it is done again until nothing is left to do. */
function layOut(instructions: readonly Instruction[]): Layout {
  const long = new Set<number>()
  for (;;) {
    const positions = [0]
    for (const [index, { no }] of instructions.entries())
      positions.push((positions[index] ?? 0) + (long.has(index) ? (no ? 3 : 2) : 1))
    const before = long.size
    for (const [index, { yes, no }] of instructions.entries())
      if (distance(positions, index, yes) > reach || distance(positions, index, no) > reach) long.add(index)
    if (long.size === before) return { positions, long }
  }
}

/** Instructions between the one at an index and its label; without a label it is the next one. */
function distance(positions: readonly number[], index: number, label: Label | undefined): number {
  return label ? (positions[label.at] ?? 0) - (positions[index] ?? 0) - 1 : 0
}

function write(view: DataView, { code, k, yes, no }: Instruction, { positions, long }: Layout, index: number): void {
  const at = positions[index] ?? 0
  const toYes = distance(positions, index, yes)
  const toNo = distance(positions, index, no)
  if (!long.has(index)) {
    put(view, at, code, k, toYes, toNo)
    return
  }
  const ways = no ? 2 : 1
  put(view, at, code, k, 0, 1)
  put(view, at + 1, opcodes.jump, yes ? toYes - 1 : ways - 1)
  if (no) put(view, at + 2, opcodes.jump, toNo - 2)
}

function put(view: DataView, at: number, code: number, k: number, yes = 0, no = 0): void {
  view.setUint16(at * 8, code, true)
  view.setUint8(at * 8 + 2, yes)
  view.setUint8(at * 8 + 3, no)
  view.setUint32(at * 8 + 4, k >>> 0, true)
}
