// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Docker's to replace.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BuildError } from '../errors/index.js'
import {
  checkDockerfile,
  expandFrom,
  expandInstruction,
  GlobalScope,
  ImageDraft,
  parseDockerfile,
  Scope,
} from './index.js'

const facts: { text: string }[] = JSON.parse(
  readFileSync(new URL('../../test/conformance/facts/dockerfile.json', import.meta.url), 'utf8'),
)

const corpus = [
  ...facts.map(({ text }) => `FROM scratch\n${text}\n`),
  '# syntax=a\n# escape=`\n# check=skip=all;error=true\nARG a=1\nFROM --platform=$TARGETPLATFORM a:$a AS b\nRUN x `\n y',
  'FROM a\nRUN --mount=type=cache,target=/x,sharing=locked --mount=type=secret,id=s --network=none <<-"E" cat\n\tx\n\tE\n',
  "FROM a\nCOPY --from=b --chown=1 --chmod=2 --link --parents --exclude=c <<A <<-'B' d /e\n$a\nA\n\tb\n\tB\n",
  'FROM a\nADD --checksum=sha256:1 --keep-git-dir=true --unpack=false https://x/y.tar /z\nONBUILD COPY <<E /x\ny\nE\n',
  'FROM a\nENV v=${w:-${x##*/}}${y%%.*}${z//a?/b}${q/\\*/c} "u v"=\'w\'\nLABEL $v ${v:?no}\n',
]

const pieces = [
  '$',
  '${',
  '}',
  ':-',
  '#',
  '%',
  '/',
  '\\',
  '`',
  '"',
  "'",
  '<<',
  '<<-E',
  '\nE\n',
  '\n',
  '\r\n',
  ' ',
  '\t',
  '=',
  '[',
  ']',
  ',',
  '--',
  '--mount=',
  '--a=b',
  '\0',
  'é',
  '😀',
  '\ud800',
  '*',
  '?',
  '0',
  'FROM ',
  'ONBUILD ',
  '# check=',
  '\uFEFF',
]

/** Does all that can be done with a Dockerfile; what it may throw is one error only. */
function exercise(text: string): 'done' | 'refused' {
  try {
    const dockerfile = parseDockerfile(text)
    const global = new GlobalScope(dockerfile, { predefined: { TARGETPLATFORM: 'linux/amd64' } })
    for (const stage of dockerfile.stages) {
      expandFrom(stage, global)
      const scope = new Scope(global, { env: ['x=/a/b.c'] })
      const draft = new ImageDraft({})
      for (const instruction of stage.instructions) draft.apply(expandInstruction(instruction, scope).instruction)
      JSON.stringify(draft.config)
    }
    checkDockerfile(dockerfile, { isIgnored: () => true })
    return 'done'
  } catch (error) {
    if (error instanceof BuildError) return 'refused'
    throw error
  }
}

const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.nat(8),
  insert: fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 4 })),
})
const mutated = fc
  .tuple(fc.constantFrom(...corpus), fc.array(edit, { minLength: 1, maxLength: 6 }))
  .map(([text, edits]) =>
    edits.reduce((result, { at, remove, insert }) => {
      const start = Math.floor(at * result.length)
      return result.slice(0, start) + insert + result.slice(start + remove)
    }, text),
  )

describe('a Dockerfile of a stranger', () => {
  it('is read or refused, whatever is changed in it', () => {
    fc.assert(
      fc.property(mutated, (text) => {
        exercise(text)
      }),
      { numRuns: 3000 },
    )
  })

  it('is read the same way as bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseDockerfile(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(BuildError)
        }
      }),
      { numRuns: 1000 },
    )
  })

  const many = 500_000
  const lines = (line: (at: number) => string, count: number) =>
    Array.from({ length: count }, (_, at) => line(at)).join('\n')
  const long = (part: string, size = many) =>
    lines(() => `${part.repeat(Math.floor(60_000 / part.length))}\\`, Math.ceil(size / 60_000))

  // Each of these takes hours, or all memory, where a cost is not linear, or has no bound.
  it.each<[string, string]>([
    ['blanks before a word', `FROM a\nRUN ${long(' ')}\nx`],
    ['blanks between words', `FROM a\n${lines(() => `RUN ${' '.repeat(60_000)}x`, 60)}`],
    ['tabs at the end', `FROM a\n${lines(() => `RUN x\\${'\t'.repeat(60_000)}x`, 60)}`],
    ['backslashes', `FROM a\nRUN ${long('\\ ')}\nx`],
    ['a comment of blanks', `# a${' '.repeat(60_000)}=${' '.repeat(60_000).slice(0, 100)}\nFROM a`],
    ['continuations', `FROM a\nRUN ${lines(() => 'a\\', many)}\nb`],
    ['comments', `${lines(() => '# a', many)}\nFROM a`],
    ['empty lines', `FROM a\nRUN a \\${'\n'.repeat(3 * many)}`],
    ['instructions', `FROM a\n${lines(() => 'USER a', 10_001)}`],
    ['stages', lines((at) => `FROM a AS b${at}`, 9_999)],
    ['ONBUILD', `FROM a\n${long('ONBUILD ')}\nx`],
    ['flags', `FROM a\nRUN ${long('--mount=a=b ')}\nx`],
    ['mount options', `FROM a\nRUN --mount=${long('id=a,', 50_000)}\nx`],
    ['heredocs', `FROM a\nCOPY ${lines((at) => `<<E${at} \\`, 2_000)}\n/x\n`],
    ['heredocs that never end', `FROM a\n${lines(() => 'RUN <<E', 10_000)}`],
    ['blanks after a heredoc', `FROM a\nRUN ${long('<< ')}${long(' ')}\n<x`],
    ['brackets', `FROM a\nCMD ${long('[')}\nx`],
    ['pairs', `FROM a\nENV ${long('a=b ')}\nc=d`],
    ['labels', `FROM a\nLABEL ${lines((at) => `a${at}=$b${at} \\`, 100_000)}\nc=d`],
    [
      'variables and names like them',
      `FROM a\n${lines((at) => `ENV a${at}=1`, 5_000)}\nLABEL ${lines((at) => `x${at}=$b${at} \\`, 50_000)}\nc=d`,
    ],
    ['nested substitutions', `FROM a\nLABEL x=${long('${a:-')}\nx`],
    ['dollars', `FROM a\nLABEL x=${long('$a$')}\nx`],
    ['quotes', `FROM a\nLABEL x=${long('"\'')}\nx`],
    ['doubling', `FROM a\nENV a=aaaaaaaa\n${lines(() => 'ENV a=$a$a$a$a', 9_000)}`],
    [
      'doubling labels',
      `FROM a\nENV a=${'a'.repeat(60_000)}\n${lines((at) => `LABEL b${at}=$a$a$a$a$a$a$a$a`, 9_000)}`,
    ],
    ['replacing by much', `FROM a\nENV a=${'a'.repeat(60_000)}\nLABEL x=\${a//a/$a}`],
    ['stars', `FROM a\nENV a=${'a'.repeat(60_000)}\nLABEL x=\${a#${'*a'.repeat(20_000)}b}`],
    [
      'many patterns',
      `FROM a\nENV a=${'a'.repeat(4_000)}\n${lines(() => `LABEL x=\${a#${'a*'.repeat(1_000)}b}`, 300)}`,
    ],
    ['ports', `FROM a\nEXPOSE ${long('0-65535 ')}\n1`],
    ['a duration of digits', `FROM a\nHEALTHCHECK --interval=${long('1')}\nx CMD a`],
    ['a size of digits', `FROM a\nRUN --mount=type=tmpfs,target=/x,size=${long('1')}\nx a`],
    ['an image of dashes', `ARG a\nFROM ${long('a-')}\n/`],
    ['a stage name', `FROM a AS ${long('a')}\n!`],
    ['a long line', `FROM a\nRUN ${'x'.repeat(70_000)}`],
    ['too much', 'x'.repeat(5_000_000)],
  ])('costs little: %s', (_what, text) => {
    expect(['done', 'refused']).toContain(exercise(text))
  })
})
