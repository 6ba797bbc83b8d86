import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ExpandedRun, expandInstruction, GlobalScope, parseDockerfile, Scope } from '../../dockerfile/index.js'
import { openDirectory } from '../context/index.js'
import type { BuildHost } from '../host.js'
import { keyOf } from '../key.js'
import type { BuildSettings } from '../settings.js'
import { StageState } from '../stage-state.js'
import { runStep } from './run.js'
import type { StepContext, StepSource } from './step.js'

interface Given {
  readonly buildArgs?: Record<string, string>
  readonly env?: readonly string[]
  readonly user?: string
  readonly settings?: Partial<BuildSettings>
  readonly source?: (from: string | undefined) => StepSource
}

/** The last instruction of a Dockerfile, as a step of a stage with those before it. */
async function stepOf(text: string, { buildArgs = {}, env = [], settings = {}, source, user }: Given = {}) {
  const dockerfile = parseDockerfile(`FROM scratch\n${text}\n`)
  const scope = new Scope(new GlobalScope(dockerfile, { buildArgs }), { env })
  const config = { Env: env, ...(user !== undefined && { User: user }) }
  const origin = {
    id: '',
    filesystem: { key: 'base', layers: [] },
    config,
    author: '',
    history: [],
    platform: 'linux/amd64',
  }
  const state = new StageState(origin, scope)
  const instructions = dockerfile.stages[0]?.instructions ?? []
  for (const instruction of instructions.slice(0, -1))
    state.draft.apply(expandInstruction(instruction, scope).instruction)
  const run = expandInstruction(instructions.at(-1) as (typeof instructions)[0], scope).instruction as ExpandedRun
  const context: StepContext = {
    host: { platform: 'linux/amd64', temporary: '/nowhere' } as BuildHost,
    settings: { ...nothing, ...settings },
    state,
    signal: new AbortController().signal,
    source: async (from) => (source ?? noSource)(from),
    started: () => {},
    log: () => {},
    warn: () => {},
  }
  return await runStep(run, context)
}

const nothing: BuildSettings = {
  secrets: new Map(),
  ssh: new Map(),
  network: 'default',
  hosts: [],
  entitlements: new Set(),
  epoch: undefined,
  download: () => Promise.reject(new Error('nothing is downloaded')),
  context: () => Promise.reject(new Error('the context is not needed')),
  namedContext: () => undefined,
}

const noSource = (from: string | undefined): StepSource => {
  throw new Error(`nothing is taken from ${from}`)
}

const keyFor = async (text: string, given?: Given) => keyOf(await (await stepOf(text, given)).key())
const quickKeyFor = async (text: string, given?: Given) => {
  const { quickKey } = await stepOf(text, given)
  return quickKey === undefined ? undefined : keyOf(quickKey)
}

describe('the history of RUN, as BuildKit has it', () => {
  test.each([
    ['RUN make', 'RUN /bin/sh -c make # buildkit'],
    ['RUN ["make", "all the rest"]', 'RUN make all the rest # buildkit'],
    ['SHELL ["/bin/bash", "-ec"]\nRUN make', 'RUN /bin/bash -ec make # buildkit'],
    ['ARG VERSION=1\nRUN make', 'RUN |1 VERSION=1 /bin/sh -c make # buildkit'],
    ['ARG B=1 A=2\nRUN ["make"]', 'RUN |2 B=1 A=2 make # buildkit'],
    ['ARG EMPTY\nRUN make', 'RUN |1 EMPTY= /bin/sh -c make # buildkit'],
    ['ENV V=env\nARG V=arg\nRUN make', 'RUN |1 V=env /bin/sh -c make # buildkit'],
    ['RUN <<EOF\necho a\necho b\nEOF', 'RUN /bin/sh -c echo a\necho b\n # buildkit'],
    ['RUN <<-EOF\n\techo a\nEOF', 'RUN /bin/sh -c echo a\n # buildkit'],
    ['RUN <<EOF\n#!/usr/bin/perl\nprint 1\nEOF', 'RUN /bin/sh -c /dev/pipes/EOF # buildkit'],
    ['RUN cat <<A <<"B" > /c\nx\nA\ny\nB', 'RUN /bin/sh -c cat <<A <<"B" > /c\nx\nA\ny\nB # buildkit'],
    ['RUN <<EOF sh\necho $HOME\nEOF', 'RUN /bin/sh -c <<EOF sh\necho $HOME\nEOF # buildkit'],
    ['RUN --network=none --mount=type=cache,target=/c make', 'RUN /bin/sh -c make # buildkit'],
  ])('%s', async (text, expected) => {
    expect((await stepOf(text)).createdBy).toBe(expected)
  })

  test('has no proxy that was not declared', async () => {
    const given = { buildArgs: { HTTP_PROXY: 'http://user:pass@proxy' } }
    expect((await stepOf('RUN make', given)).createdBy).toBe('RUN /bin/sh -c make # buildkit')
  })
})

describe('the key of RUN', () => {
  const mounted = 'RUN --mount=type='
  test.each([
    ['its command', 'RUN make', 'RUN make all'],
    ['the form of the command', 'RUN make', 'RUN ["make"]'],
    ['the shell', 'RUN make', 'SHELL ["/bin/bash", "-c"]\nRUN make'],
    ['a variable of ENV', 'ENV A=1\nRUN make', 'ENV A=2\nRUN make'],
    ['the value of an ARG', 'ARG A=1\nRUN make', 'ARG A=2\nRUN make'],
    ['the user', 'RUN make', 'USER www\nRUN make'],
    ['the directory', 'RUN make', 'WORKDIR /src\nRUN make'],
    ['the network', 'RUN make', 'RUN --network=none make'],
    ['the content of a script', 'RUN <<EOF\n#!/bin/a\nEOF', 'RUN <<EOF\n#!/bin/b\nEOF'],
    ['the place of a cache', `${mounted}cache,target=/a make`, `${mounted}cache,target=/b make`],
    ['the name of a cache', `${mounted}cache,id=1,target=/a make`, `${mounted}cache,id=2,target=/a make`],
    ['the size of a tmpfs', `${mounted}tmpfs,target=/a make`, `${mounted}tmpfs,target=/a,size=1m make`],
    ['the name of a secret', `${mounted}secret,id=a,target=/s make`, `${mounted}secret,id=b,target=/s make`],
    ['the place of a secret', `${mounted}secret,id=a make`, `${mounted}secret,id=a,target=/s make`],
    ['the variable of a secret', `${mounted}secret,id=a,env=A make`, `${mounted}secret,id=a,env=B make`],
    ['an agent', 'RUN make', `${mounted}ssh make`],
  ])('changes with %s', async (_, before, after) => {
    expect(await keyFor(before)).not.toBe(await keyFor(after))
    expect(await quickKeyFor(before)).not.toBe(await quickKeyFor(after))
  })

  test.each([
    ['labels', 'RUN make', 'LABEL a=b\nRUN make'],
    ['the command of the image', 'RUN make', 'CMD true\nENTRYPOINT ["a"]\nEXPOSE 80\nRUN make'],
    ['how a cache is shared', `${mounted}cache,target=/a make`, `${mounted}cache,target=/a,sharing=locked make`],
    ['where it stands', 'RUN make', '\n# comment\nRUN make'],
    ['what the network is by default', 'RUN make', 'RUN --network=default make'],
  ])('does not change with %s', async (_, before, after) => {
    expect(await keyFor(before)).toBe(await keyFor(after))
  })

  test('does not change with proxies, unless they are declared', async () => {
    const given = { buildArgs: { http_proxy: 'http://proxy' } }
    expect(await keyFor('RUN make', given)).toBe(await keyFor('RUN make'))
    expect(await keyFor('ARG http_proxy\nRUN make', given)).not.toBe(await keyFor('ARG http_proxy\nRUN make'))
  })

  test('has no value of a secret', async () => {
    const secrets = (value: string) => ({ settings: { secrets: new Map([['a', { value: Buffer.from(value) }]]) } })
    const text = `${mounted}secret,id=a,env=A,target=/s make`
    expect(await keyFor(text, secrets('one'))).toBe(await keyFor(text, secrets('two')))
    expect(JSON.stringify(await (await stepOf(text, secrets('a very secret value'))).key())).not.toContain('very')
  })

  test('is that of the network that RUN has by default', async () => {
    const host = { settings: { network: 'none' } } as const
    expect(await keyFor('RUN make', host)).toBe(await keyFor('RUN --network=none make'))
  })

  test('has the hosts that were added', async () => {
    const hosts = (...hosts: string[]) => keyFor('RUN make', { settings: { hosts } })
    expect(await hosts('db:10.0.0.1')).not.toBe(await hosts())
    expect(await hosts('db:10.0.0.1')).not.toBe(await hosts('db:10.0.0.2'))
    expect(await hosts()).toBe(await keyFor('RUN make'))
  })
})

describe('the key of RUN with files', () => {
  const bound = 'RUN --mount=type=bind,source=a,target=/a make'

  async function directory(files: Record<string, string>) {
    const path = await mkdtemp(join(tmpdir(), 'run-test-'))
    onTestFinished(() => rm(path, { recursive: true }))
    for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content)
    const context = await openDirectory(path)
    onTestFinished(() => context.close())
    return (): StepSource => ({ filesystem: undefined, files: async () => context })
  }

  test('is of the content of a context: nothing is known without reading it', async () => {
    const [one, same, other] = [
      await directory({ a: '1', b: '1' }),
      await directory({ a: '1', b: '2' }),
      await directory({ a: '2', b: '1' }),
    ]
    expect(await quickKeyFor(bound, { source: one })).toBeUndefined()
    expect(await keyFor(bound, { source: one })).toBe(await keyFor(bound, { source: same }))
    expect(await keyFor(bound, { source: one })).not.toBe(await keyFor(bound, { source: other }))
  })

  test('of a stage is also known by what the stage was made of', async () => {
    const stage = (key: string) => () => ({ filesystem: { key, layers: [] }, files: noFiles })
    const text = 'RUN --mount=from=build,source=/out,target=/a make'
    expect(await quickKeyFor(text, { source: stage('one') })).toBe(await quickKeyFor(text, { source: stage('one') }))
    expect(await quickKeyFor(text, { source: stage('one') })).not.toBe(
      await quickKeyFor(text, { source: stage('two') }),
    )
  })

  test('of a whole stage reads nothing of it', async () => {
    const stage = () => ({ filesystem: { key: 'one', layers: [] }, files: noFiles })
    await expect(keyFor('RUN --mount=from=build,target=/a make', { source: stage })).resolves.toMatch(/^sha256:/)
  })

  test('fails in BuildKit’s words when there is no such file', async () => {
    const source = await directory({ b: '1' })
    await expect(keyFor(bound, { source })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: 'failed to compute cache key: "/a": not found',
    })
  })

  const noFiles = () => Promise.reject(new Error('no file is read'))
})

describe('RUN is refused', () => {
  test.each([
    ['RUN --network=host make', 'network.host'],
    ['RUN --security=insecure make', 'security.insecure'],
  ] as const)('%s without its entitlement', async (text, entitlement) => {
    const error = { code: 'BUILD_NOT_ALLOWED', message: `${entitlement} is not allowed`, details: { entitlement } }
    await expect(stepOf(text)).rejects.toMatchObject(error)
    await expect(stepOf(text, { settings: { entitlements: new Set([entitlement]) } })).resolves.toBeDefined()
  })

  test.each(['tmpfs,target', 'secret,id=a,target', 'ssh,target', 'bind,target', 'cache,target'])(
    'with a mount inside /proc: %s',
    async (mount) => {
      const expected = '"/proc/sys" cannot be mounted because it is inside /proc'
      await expect(stepOf(`RUN --mount=type=${mount}=/proc/sys make`)).rejects.toThrow(expected)
      await expect(stepOf(`WORKDIR /proc\nRUN --mount=type=${mount}=x/../sys make`)).rejects.toThrow(expected)
    },
  )

  test('without a program', async () => {
    await expect(stepOf('RUN []')).rejects.toMatchObject({
      code: 'DOCKERFILE_INVALID',
      message: 'arguments are required',
    })
  })

  test('no host network by who has given it to all of them', async () => {
    await expect(stepOf('RUN --network=host make', { settings: { network: 'host' } })).resolves.toBeDefined()
  })

  test.each(['/', '//', '/a/..', '.', '../..'])('with a mount on the root: %s', async (target) => {
    await expect(stepOf(`RUN --mount=type=tmpfs,target=${target} make`)).rejects.toThrow('invalid mount target "/"')
  })

  test('without a target where the working directory is the root', async () => {
    await expect(stepOf('RUN --mount=type=cache make')).rejects.toThrow('invalid mount target "/"')
    await expect(stepOf('WORKDIR /w\nRUN --mount=type=cache make')).resolves.toBeDefined()
  })
})
