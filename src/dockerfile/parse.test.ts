// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Docker's to replace.
import { describe, expect, it } from 'vitest'
import { type Instruction, parseDockerfile, parseInstructions } from './index.js'

/** The instructions after FROM, without what all of them have. */
function read(text: string): Record<string, unknown>[] {
  const { stages } = parseDockerfile(text.startsWith('#') ? text : `FROM a\n${text}`)
  return stages.flatMap((stage) => stage.instructions.map(fieldsOf))
}

function fieldsOf(instruction: Instruction): Record<string, unknown> {
  const { lines: _, original: __, keyword: ___, comments: ____, ...fields } = instruction
  return fields
}

const run = { kind: 'RUN', heredocs: [], mounts: [], network: 'default', security: 'sandbox' }
const shell = (script: string) => ({ form: 'shell', script })
const exec = (...args: string[]) => ({ form: 'exec', args })
const path = (one: string) => ({ kind: 'path', path: one })
const copy = { kind: 'COPY', link: false, parents: false, exclude: [] }
const add = { kind: 'ADD', link: false, exclude: [] }
const pairs = (kind: string, ...all: [string, string][]) => ({
  kind,
  pairs: all.map(([name, value]) => ({ name, value, legacy: false })),
})

describe('instructions', () => {
  it.each<[string, object]>([
    ['RUN a  "b c" $d', { ...run, command: shell('a  "b c" $d') }],
    ['RUN ["a", "b c"]', { ...run, command: exec('a', 'b c') }],
    ['RUN [ -f x ]', { ...run, command: shell('[ -f x ]') }],
    ["RUN ['a']", { ...run, command: shell("['a']") }],
    ['RUN', { ...run, command: shell('') }],
    ['RUN --network=none a', { ...run, network: 'none', command: shell('a') }],
    [
      'RUN --network=host --security=insecure a',
      { ...run, network: 'host', security: 'insecure', command: shell('a') },
    ],
    ['RUN -- --a', { ...run, command: shell('--a') }],
    [
      'RUN --mount=type=cache,target=/x --mount=from=b,target=/y a',
      {
        ...run,
        mounts: [{ text: 'type=cache,target=/x' }, { text: 'from=b,target=/y', from: 'b' }],
        command: shell('a'),
      },
    ],
    ['CMD a b', { kind: 'CMD', command: shell('a b') }],
    ['CMD []', { kind: 'CMD', command: exec() }],
    ['ENTRYPOINT ["a"]', { kind: 'ENTRYPOINT', command: exec('a') }],
    ['ENV a=1 b="c d" e=f\\ g', pairs('ENV', ['a', '1'], ['b', '"c d"'], ['e', 'f\\ g'])],
    ['ENV a  b  c', { kind: 'ENV', pairs: [{ name: 'a', value: 'b  c', legacy: true }] }],
    ['ENV a b=c', { kind: 'ENV', pairs: [{ name: 'a', value: 'b=c', legacy: true }] }],
    ['LABEL "a b"=c', pairs('LABEL', ['"a b"', 'c'])],
    ['LABEL a=b\\', pairs('LABEL', ['a', 'b'])],
    ['LABEL a="b \\" c" d=\'e \\\' f=g', pairs('LABEL', ['a', '"b \\" c"'], ['d', "'e \\'"], ['f', 'g'])],
    [
      'ARG a b=1 c="d e" f=',
      {
        kind: 'ARG',
        args: [{ name: 'a' }, { name: 'b', value: '1' }, { name: 'c', value: '"d e"' }, { name: 'f', value: '' }],
      },
    ],
    ['EXPOSE 80  443/tcp', { kind: 'EXPOSE', ports: ['443/tcp', '80'] }],
    ['VOLUME /a\t/b', { kind: 'VOLUME', volumes: ['/a', '/b'] }],
    ['VOLUME ["/a b"]', { kind: 'VOLUME', volumes: ['/a b'] }],
    ['USER a b', { kind: 'USER', value: 'a b' }],
    ['WORKDIR /a b', { kind: 'WORKDIR', value: '/a b' }],
    ['STOPSIGNAL 9', { kind: 'STOPSIGNAL', value: '9' }],
    ['MAINTAINER me <m@x>', { kind: 'MAINTAINER', value: 'me <m@x>' }],
    ['SHELL ["a", "-c"]', { kind: 'SHELL', shell: ['a', '-c'] }],
    ['COPY a b c', { ...copy, sources: [path('a'), path('b')], destination: 'c' }],
    ['COPY ["a b", "c d"]', { ...copy, sources: [path('a b')], destination: 'c d' }],
    [
      'COPY --from=x --chown=1:2 --chmod=u+x --link --parents --exclude=*.a --exclude=b c d',
      {
        ...copy,
        from: 'x',
        chown: '1:2',
        chmod: 'u+x',
        link: true,
        parents: true,
        exclude: ['*.a', 'b'],
        sources: [path('c')],
        destination: 'd',
      },
    ],
    ['COPY --link=false --parents=TRUE a b', { ...copy, parents: true, sources: [path('a')], destination: 'b' }],
    ['COPY --chown="a b" c d', { ...copy, chown: 'a b', sources: [path('c')], destination: 'd' }],
    [
      'ADD --checksum=sha256:x --keep-git-dir --unpack=false --link https://x/y z',
      {
        ...add,
        checksum: 'sha256:x',
        keepGitDir: true,
        unpack: false,
        link: true,
        sources: [path('https://x/y')],
        destination: 'z',
      },
    ],
    ['HEALTHCHECK NONE', { kind: 'HEALTHCHECK', health: { Test: ['NONE'] } }],
    ['HEALTHCHECK CMD a "b"', { kind: 'HEALTHCHECK', health: { Test: ['CMD-SHELL', 'a "b"'] } }],
    [
      'HEALTHCHECK --interval=1m --timeout=2s --start-period=3ms --start-interval=4s --retries=5 CMD ["a"]',
      {
        kind: 'HEALTHCHECK',
        health: {
          Test: ['CMD', 'a'],
          Interval: 60e9,
          Timeout: 2e9,
          StartPeriod: 3e6,
          StartInterval: 4e9,
          Retries: 5,
        },
      },
    ],
    ['HEALTHCHECK --retries=0 CMD a', { kind: 'HEALTHCHECK', health: { Test: ['CMD-SHELL', 'a'], Retries: 0 } }],
    ['OnBuild  Nope x', { kind: 'ONBUILD', expression: 'Nope x' }],
    ['ONBUILD COPY x', { kind: 'ONBUILD', expression: 'COPY x' }],
  ])('%s', (text, fields) => {
    expect(read(text)).toEqual([fields])
  })

  it('have the trigger of ONBUILD read as well', () => {
    const [{ expression, trigger }] = read('ONBUILD  add --link a  b') as [{ expression: string; trigger: Instruction }]
    expect(expression).toBe('add --link a  b')
    expect(trigger).toMatchObject({ kind: 'ADD', keyword: 'add', link: true, destination: 'b' })
  })
})

describe('lines', () => {
  it.each<[string, object[]]>([
    ['RUN a \\\n  b', [{ ...run, command: shell('a   b') }]],
    ['RUN a\\\nb', [{ ...run, command: shell('ab') }]],
    ['RUN a \\  \n b', [{ ...run, command: shell('a  b') }]],
    ['RUN a \\\r\n b\r\n', [{ ...run, command: shell('a  b') }]],
    ['RUN a \\\n# c\n   # d\n b', [{ ...run, command: shell('a  b') }]],
    ['RUN a \\\n\n b', [{ ...run, command: shell('a  b') }]],
    [
      'RUN a \\\\\nUSER b',
      [
        { ...run, command: shell('a \\\\') },
        { kind: 'USER', value: 'b' },
      ],
    ],
    ['RUN a \\', [{ ...run, command: shell('a') }]],
    ['\\\nUSER a', [{ kind: 'USER', value: 'a' }]],
    [
      '  USER a\n\tUSER b',
      [
        { kind: 'USER', value: 'a' },
        { kind: 'USER', value: 'b' },
      ],
    ],
    ['USER a # b', [{ kind: 'USER', value: 'a # b' }]],
    [
      '# escape=`\nFROM a\nRUN a `\n b\\\nUSER c',
      [
        { ...run, command: shell('a  b\\') },
        { kind: 'USER', value: 'c' },
      ],
    ],
    ['# Escape = ` \nFROM a\nUSER a`\nb', [{ kind: 'USER', value: 'ab' }]],
    ['# no directive\n# escape=`\nFROM a\nUSER a`', [{ kind: 'USER', value: 'a`' }]],
  ])('%j', (text, instructions) => {
    expect(read(text)).toEqual(instructions)
  })

  it('are counted from 1, with those of continuations and heredocs', () => {
    const { stages } = parseDockerfile('# c\n\nFROM a\nRUN b \\\n\\\n  c\n\nCOPY <<E /x\n1\n2\nE\nUSER d')
    expect(stages[0]?.lines).toEqual({ first: 3, last: 3 })
    expect(stages[0]?.instructions.map(({ lines }) => [lines.first, lines.last])).toEqual([
      [4, 6],
      [8, 11],
      [12, 12],
    ])
  })

  it('keep the text and the keyword as they were', () => {
    const [one] = parseDockerfile('FROM a\n  Run  a \\\n  b').stages[0]?.instructions ?? []
    expect(one).toMatchObject({ original: 'Run  a   b', keyword: 'Run' })
  })

  it('that are empty within an instruction are told', () => {
    const { warnings } = parseDockerfile('FROM a\nRUN a \\\n\n  b')
    expect(warnings).toEqual([
      { rule: 'NoEmptyContinuation', message: 'Empty continuation line', lines: { first: 4, last: 4 } },
    ])
  })

  it('keep the comments above an instruction, up to an empty line or comment', () => {
    const { stages } = parseDockerfile('# a\n\n# base is it\n# more\nFROM a AS base\n# b\n#\n# c\nRUN x\nRUN y')
    expect(stages[0]).toMatchObject({ comments: ['base is it', 'more'], comment: 'is it' })
    expect(stages[0]?.instructions.map(({ comments }) => comments)).toEqual([['c'], []])
  })

  it('are the same with a byte order mark, as bytes, or as text', () => {
    const bytes = new TextEncoder().encode('\uFEFFFROM a\nUSER ü')
    expect(parseDockerfile(bytes)).toEqual(parseDockerfile('FROM a\nUSER ü'))
    expect(parseDockerfile('\uFEFFFROM a\nUSER ü')).toEqual(parseDockerfile('FROM a\nUSER ü'))
  })
})

describe('heredocs', () => {
  const doc = { name: 'E', expand: true, stripTabs: false }
  const file = { kind: 'heredoc', expand: true }

  it.each<[string, object]>([
    ['RUN <<E\na\n b\nE', { command: shell('a\n b\n'), heredocs: [{ ...doc, content: 'a\n b\n' }] }],
    [
      'RUN <<-E\n\ta\n\t\tb\n\tE',
      { command: shell('a\nb\n'), heredocs: [{ ...doc, stripTabs: true, content: '\ta\n\t\tb\n' }] },
    ],
    ['RUN <<E\n#!/bin/x\na\nE', { command: { form: 'file', name: 'E', content: '#!/bin/x\na\n' } }],
    ['RUN cat <<E > /x\na\nE', { command: shell('cat <<E > /x\na\nE') }],
    ['RUN <<"E"\n$a\nE', { command: shell('$a\n'), heredocs: [{ ...doc, expand: false, content: '$a\n' }] }],
    ["RUN a <<A b <<'B'\n1\nA\n2\nB", { command: shell("a <<A b <<'B'\n1\nA2\nB".replace('A2', 'A\n2')) }],
    ['RUN 3<<E cat\nx\nE', { command: shell('3<<E cat\nx\nE') }],
    ['RUN ["a", "<<E"]', { command: exec('a', '<<E'), heredocs: [] }],
    ['RUN echo "<<E"', { command: shell('echo "<<E"'), heredocs: [] }],
    ["RUN echo it's <<E", { command: shell("echo it's <<E"), heredocs: [] }],
    ['RUN cat <<< E', { command: shell('cat <<< E'), heredocs: [] }],
    ['COPY <<E /x\na\nE', { sources: [{ ...file, name: 'E', content: 'a\n' }], destination: '/x' }],
    [
      "COPY a <<-'f.sh' <<g /x/\n\ta\n\tf.sh\nb\r\ng",
      {
        sources: [
          path('a'),
          { ...file, name: 'f.sh', content: 'a\n', expand: false },
          { ...file, name: 'g', content: 'b\r\n' },
        ],
      },
    ],
    ['ADD <<E /x\nE', { kind: 'ADD', sources: [{ ...file, name: 'E', content: '' }] }],
    ['COPY <<E /x\n# a\n\nRUN x\\\nE', { sources: [{ ...file, name: 'E', content: '# a\n\nRUN x\\\n' }] }],
    ['ONBUILD COPY <<E /x\na\nE', { kind: 'ONBUILD', expression: 'COPY <<E /x\na\nE' }],
    ['CMD cat <<E', { kind: 'CMD', command: shell('cat <<E') }],
  ])('%j', (text, fields) => {
    expect(read(`${text}\nUSER after`)).toMatchObject([fields, { kind: 'USER', value: 'after' }])
  })
})

describe('the file', () => {
  it('has stages, and arguments before them', () => {
    const { metaArgs, stages } = parseDockerfile(
      'ARG V=1\nARG W\nFROM --platform=$P a:$V as Base\nRUN x\nfrom scratch\nFROM base AS third',
    )
    expect(metaArgs.map(({ args }) => args)).toEqual([[{ name: 'V', value: '1' }], [{ name: 'W' }]])
    expect(stages).toMatchObject([
      { base: 'a:$V', platform: '$P', name: 'base', writtenName: 'Base', as: 'as', instructions: [{ kind: 'RUN' }] },
      { base: 'scratch', keyword: 'from', instructions: [] },
      { base: 'base', name: 'third' },
    ])
  })

  it.each([
    [
      '# syntax=docker/dockerfile:1\n# check=skip=A, B;error=true\nFROM a',
      { syntax: 'docker/dockerfile:1', escape: '\\', check: { skip: ['A', 'B'], experimental: [], error: true } },
    ],
    ['#check=skip=all\n#ESCAPE=`\nFROM a', { escape: '`', check: { skip: 'all', experimental: [], error: false } }],
    ['# check=experimental=all\nFROM a', { escape: '\\', check: { skip: [], experimental: 'all', error: false } }],
    ['\n# syntax=x\nFROM a', { escape: '\\' }],
    ['# other=x\n# syntax=y\nFROM a', { escape: '\\' }],
    ['FROM a\n# syntax=y', { escape: '\\' }],
  ])('%j has directives', (text, directives) => {
    expect(parseDockerfile(text).directives).toEqual(directives)
  })

  it('may be instructions only, for who asks for them', () => {
    const { instructions } = parseInstructions('RUN a\nUSER b')
    expect(instructions.map(({ kind }) => kind)).toEqual(['RUN', 'USER'])
    expect(() => parseInstructions('FROM a')).toThrow('FROM is not allowed here')
  })
})
