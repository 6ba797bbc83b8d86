import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Mask, maskedTexts } from './run-mask.js'
import { OutputTail } from './run-tail.js'

/** What is told of chunks, by a mask of secrets. */
function told(secrets: readonly string[], chunks: readonly string[]): string {
  const mask = new Mask(maskedTexts(secrets.map((secret) => Buffer.from(secret))))
  const parts = [...chunks.map((chunk) => mask.push(Buffer.from(chunk))), mask.end()]
  return Buffer.concat(parts).toString()
}

describe('secrets in what a program writes', () => {
  test.each([
    [['s3cret'], ['it is s3cret.'], 'it is ***.'],
    [['s3cret'], ['it is s3', 'cret.'], 'it is ***.'],
    [['s3cret'], ['s', '3', 'c', 'r', 'e', 't'], '***'],
    [['s3cret'], ['s3cre', 's3cret', 's3c'], 's3cre***s3c'],
    [['s3cret'], ['s3crets3cret'], '******'],
    // As files end with a newline that `$(cat)` takes away.
    [['s3cret\n'], ['a s3cret b'], 'a *** b'],
    [['one line\nanother line\r\n'], ['another line, one line'], '***, ***'],
    [['abcd', 'cdef'], ['abcdef'], '***'],
    [['abcd', 'cdef'], ['abcd', 'ef'], '***'],
    [['abcd', 'cdef'], ['abcd', '', 'e', '.'], '***e.'],
    [['abcd', 'abcdefgh'], ['abcdefg', 'h.'], '***.'],
    [['abab'], ['ababab'], '***ab'],
    // Hides nothing, and makes everything unreadable.
    [['a'], ['banana'], 'banana'],
    [[''], ['text'], 'text'],
    [[], ['text'], 'text'],
  ])('%j in %j', (secrets, chunks, expected) => {
    expect(told(secrets, chunks)).toBe(expected)
  })

  test('are never told, however they are cut, and all else is', () => {
    const letter = fc.constantFrom('a', 'b', 'c')
    const word = fc.string({ unit: letter, minLength: 4, maxLength: 6 })
    const chunks = fc.array(fc.string({ unit: letter, maxLength: 5 }), { maxLength: 12 })
    fc.assert(
      fc.property(fc.array(word, { maxLength: 3 }), chunks, (secrets, parts) => {
        const text = parts.join('')
        const shown = told(secrets, parts)
        for (const secret of secrets) expect(shown.split('***').join('\n')).not.toContain(secret)
        // What is between stars stands in the text, in its order.
        let at = 0
        for (const piece of shown.split('***')) {
          at = text.indexOf(piece, at)
          expect(at).toBeGreaterThanOrEqual(0)
          at += piece.length
        }
        if (!secrets.some((secret) => text.includes(secret))) expect(shown).toBe(text)
      }),
      { numRuns: 2000 },
    )
  })

  test('are hidden also when they are long, and held no longer than they may be', () => {
    const secret = 'x'.repeat(5000)
    const mask = new Mask(maskedTexts([Buffer.from(secret)]))
    let shown = 0
    for (let chunk = 0; chunk < 100; chunk++) shown += mask.push(Buffer.from('x'.repeat(1000))).length
    const all = shown + mask.end().length
    expect(shown).toBeGreaterThan(0)
    expect(all).toBeLessThan(100 * 4 + 1024)
  })

  test('cost no more than their length for each byte', () => {
    const lines = Array.from({ length: 2000 }, (_, line) => `line ${line} of a secret`).join('\n')
    const mask = new Mask(maskedTexts([Buffer.from(lines)]))
    const chunk = Buffer.from('line of a secret that is none\n'.repeat(2000))
    const began = performance.now()
    for (let count = 0; count < 20; count++) mask.push(chunk)
    expect(performance.now() - began).toBeLessThan(10_000)
  })
})

describe('the end of the output', () => {
  const tailOf = (...chunks: string[]) => {
    const tail = new OutputTail()
    for (const chunk of chunks) tail.push(Buffer.from(chunk))
    return tail.text
  }

  test('is all of what is little', () => {
    expect(tailOf()).toBe('')
    expect(tailOf('a\n', 'b')).toBe('a\nb')
  })

  test('is a hundred lines', () => {
    const lines = Array.from({ length: 150 }, (_, line) => `${line}\n`)
    expect(tailOf(...lines)).toBe(lines.slice(50).join(''))
    expect(tailOf(...lines, 'rest')).toBe(`${lines.slice(51).join('')}rest`)
  })

  test('is 64 KiB of one line', () => {
    expect(tailOf('x'.repeat(100_000), 'end')).toBe(`${'x'.repeat(65_533)}end`)
    expect(tailOf(...Array.from({ length: 70_000 }, () => 'y'))).toHaveLength(65_536)
  })
})
