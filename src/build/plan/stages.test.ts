import { describe, expect, test } from 'vitest'
import { GlobalScope, parseDockerfile, platformValues } from '../../dockerfile/index.js'
import { originOf, planStages } from './stages.js'

function plan(
  text: string,
  { target, contexts = {} }: { target?: string; contexts?: Record<string, string | undefined> } = {},
) {
  const dockerfile = parseDockerfile(text)
  const predefined = platformValues({ target: 'linux/arm64', build: 'linux/amd64' })
  const global = new GlobalScope(dockerfile, { predefined })
  return planStages(dockerfile, global, {
    target,
    platform: 'linux/arm64',
    contexts: new Map(Object.entries(contexts)),
  })
}

const labels = (planned: ReturnType<typeof plan>) => planned.stages.map(({ label }) => label)

describe('what a target needs', () => {
  const text = `
FROM busybox AS unused
FROM busybox AS tools
FROM busybox AS files
RUN --mount=type=bind,from=tools,target=/t true
FROM files AS more
COPY --from=files /a /b
FROM busybox
COPY --from=more /x /y
COPY --from=alpine:3 /x /z`

  test('is found through FROM, COPY --from and mounts', () => {
    expect(labels(plan(text))).toEqual(['tools', 'files', 'more', '4'])
  })

  test('begins at the target, by name in any case, or by number', () => {
    expect(labels(plan(text, { target: 'MORE' }))).toEqual(['tools', 'files', 'more'])
    expect(labels(plan(text, { target: '1' }))).toEqual(['tools'])
  })

  test('is refused when there is no such stage', () => {
    expect(() => plan(text, { target: 'nope' })).toThrow('target stage "nope" could not be found')
    expect(() => plan(text, { target: '7' })).toThrow('target stage "7" could not be found')
  })

  test('is cut off where a named context hides a stage', () => {
    expect(labels(plan(text, { contexts: { files: undefined } }))).toEqual(['more', '4'])
  })
})

describe('what a stage is built from', () => {
  const baseOf = (text: string, contexts = {}) => plan(text, { contexts }).target.base

  test('is the last stage of that name before it, scratch, or an image', () => {
    expect(baseOf('FROM a AS x\nFROM b AS x\nFROM x')).toEqual({ kind: 'stage', index: 1 })
    expect(baseOf('FROM scratch')).toEqual({ kind: 'scratch' })
    expect(baseOf('FROM x\nFROM x')).toEqual({ kind: 'image', reference: 'x' })
    // Its own name is not before it.
    expect(baseOf('FROM x AS x')).toEqual({ kind: 'image', reference: 'x' })
  })

  test('is what was given under its name', () => {
    expect(baseOf('FROM alpine', { alpine: 'debian:12' })).toEqual({ kind: 'image', reference: 'debian:12' })
    expect(baseOf('FROM base', { base: undefined })).toEqual({ kind: 'context', name: 'base' })
  })

  test('has the platform that FROM says', () => {
    const { all } = plan('FROM --platform=$BUILDPLATFORM a AS x\nFROM b')
    expect(all.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64'])
    expect(plan('FROM --platform=linux/x86_64 a').target.platform).toBe('linux/amd64')
    expect(() => plan('FROM a AS b\nFROM --platform=plan9 c')).toThrow(expect.objectContaining({ line: 2 }))
  })
})

test('a number is a stage before, and nothing else', () => {
  const dockerfile = parseDockerfile('FROM a\nFROM b\nFROM c')
  const origin = (from: string) => originOf(dockerfile, from, 2, new Map())
  expect(origin('1')).toEqual({ kind: 'stage', index: 1 })
  expect(() => origin('2')).toThrow('invalid stage index 2')
  expect(() => plan('FROM a\nCOPY --from=1 x y')).toThrow(
    expect.objectContaining({ line: 2, code: 'DOCKERFILE_INVALID' }),
  )
})
