import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BuildEvent, Engine } from '../../src/index.js'
import { contextOf } from '../support/build-context.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let place: TestEngine
let engine: Engine

beforeAll(async () => {
  place = await testEngine()
  engine = place.engine
})
afterAll(async () => {
  const leaks = await place.leaks()
  await place[Symbol.asyncDispose]()
  expect(leaks).toEqual([])
})

type Named<K extends BuildEvent['kind']> = Extract<BuildEvent, { kind: K }>

async function eventsOf(build: AsyncIterable<BuildEvent>): Promise<BuildEvent[]> {
  const events: BuildEvent[] = []
  for await (const event of build) events.push(event)
  return events
}

const only = <K extends BuildEvent['kind']>(events: readonly BuildEvent[], kind: K) =>
  events.filter((event): event is Named<K> => event.kind === kind)

/** `status name`, in order. */
const steps = (events: readonly BuildEvent[]) =>
  only(events, 'step').map(({ status, step }) => `${status} ${step.name}`)

const lines = (count: number) =>
  `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo line $i of a text that is a little longer; done`

describe('the events of a build', () => {
  test('are steps with their lines, their output, and how long they took', async () => {
    const context = contextOf({
      Dockerfile: 'FROM busybox AS one\nRUN echo out; echo err >&2\n\nWORKDIR /w\nENV A=1\nCOPY a .\n',
      a: '',
    })
    const events = await eventsOf(engine.build(context).tag('progress:1'))
    expect(steps(events)).toEqual([
      'started [one 1/4] FROM busybox AS one',
      'done [one 1/4] FROM busybox AS one',
      'started [one 2/4] RUN echo out; echo err >&2',
      'done [one 2/4] RUN echo out; echo err >&2',
      'started [one 3/4] WORKDIR /w',
      'done [one 3/4] WORKDIR /w',
      'started [one 4/4] COPY a .',
      'done [one 4/4] COPY a .',
    ])
    const [run] = only(events, 'step').filter(({ step, status }) => step.line === 2 && status === 'done')
    expect(run).toMatchObject({ durationMs: expect.any(Number), step: { id: '0.1', stage: 'one', line: 2 } })
    const logs = only(events, 'log').map(({ step, stream, data }) => `${step.line} ${stream} ${data}`)
    expect(logs.sort()).toEqual(['2 stderr err\n', '2 stdout out\n'])
    expect(only(events, 'context')).toEqual([{ kind: 'context', name: 'context', status: 'opened' }])
    expect(events.at(-1)).toMatchObject({ kind: 'export', status: 'done' })
    const again = await eventsOf(engine.build(context))
    expect(steps(again).filter((text) => !text.includes('FROM'))).toEqual([
      'cached [one 2/4] RUN echo out; echo err >&2',
      'cached [one 3/4] WORKDIR /w',
      'cached [one 4/4] COPY a .',
    ])
  })

  test('tell first what will be done, then what each instruction has come to, and which container a RUN is in', async () => {
    const text = 'ARG V=1\nFROM scratch AS unused\nFROM busybox AS one\nENV A=1\nRUN true\nFROM one\nCMD ["a"]\n'
    const events = await eventsOf(engine.build().dockerfile(text).noCache())
    const [plan] = only(events, 'plan')
    expect(plan?.args).toEqual(['ARG V=1'])
    expect(plan?.steps.map(({ id, instruction }) => `${id} ${instruction}`)).toEqual([
      '1.0 FROM busybox AS one',
      '1.1 ENV A=1',
      '1.2 RUN true',
      '2.0 FROM one',
      '2.1 CMD ["a"]',
    ])
    const results = only(events, 'result')
    expect(results.map(({ step }) => step.id)).toEqual(plan?.steps.map(({ id }) => id))
    const [from, env, run, again, command] = results.map(({ id }) => id)
    expect(from).toBe((await engine.images.get('busybox')).id)
    expect(again).toBe(run)
    expect(new Set([from, env, run, command]).size).toBe(4)
    expect(only(events, 'container')).toEqual([
      { kind: 'container', step: plan?.steps[2], id: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ])
  })

  test('tell of the triggers of a base image that they come next', async () => {
    await engine.build().dockerfile('FROM busybox\nONBUILD RUN echo a\nONBUILD ENV B=1\n').tag('triggers:1')
    const events = await eventsOf(engine.build().dockerfile('FROM triggers:1\nRUN echo b\n'))
    expect(only(events, 'result').map(({ step, triggers }) => [step.id, step.instruction, triggers])).toEqual([
      ['0.0', 'FROM triggers:1', 2],
      ['0.0.1', 'RUN echo a', undefined],
      ['0.0.2', 'ENV B=1', undefined],
      ['0.1', 'RUN echo b', undefined],
    ])
  })

  test('of a failure end with the step that failed, and with its error', async () => {
    const events: BuildEvent[] = []
    const loop = async () => {
      for await (const event of engine.build().dockerfile('FROM busybox\nRUN echo no; exit 9\n')) events.push(event)
    }
    await expect(loop()).rejects.toMatchObject({ code: 'BUILD_FAILED', exitCode: 9, line: 2 })
    expect(steps(events).at(-1)).toBe('failed [2/2] RUN echo no; exit 9')
    expect(`${only(events, 'log')[0]?.data}`).toBe('no\n')
  })

  test('have what the checks say, and what is done otherwise than the file asks', async () => {
    const text = '# syntax=docker/dockerfile:1\nFROM busybox\nMAINTAINER me\nRUN true\n'
    const events = await eventsOf(engine.build().dockerfile(text).buildArg('MISSPELT', '1'))
    expect(only(events, 'warning').map(({ finding }) => [finding.rule, finding.lines.first])).toEqual([
      ['MaintainerDeprecated', 3],
      ['SyntaxIgnored', 1],
      ['UnusedBuildArg', 1],
    ])
  })

  test('have all that a program writes, for a reader that is slow: the program waits', async () => {
    const count = 60_000
    let text = ''
    let events = 0
    for await (const event of engine.build().dockerfile(`FROM busybox\nRUN ${lines(count)}\n`)) {
      if (event.kind === 'log') text += event.data
      if (event.kind === 'lost') throw new Error('something was lost')
      // Now and then the reader does something else for longer than all of the output takes.
      if (++events % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const all = text.split('\n')
    expect(all).toHaveLength(count + 1)
    expect(all.slice(0, -1).every((line, at) => line === `line ${at + 1} of a text that is a little longer`)).toBe(true)
  })

  test('that nobody reads stop nobody who awaits the image', async () => {
    const build = engine.build().dockerfile(`FROM busybox\nRUN ${lines(60_000)}; echo end\n`)
    const loop = build[Symbol.asyncIterator]()
    await loop.next()
    const image = await build
    expect(image.id).toMatch(/^sha256:/)
    await loop.return?.()
  })

  test('a loop that is left stops the build', async () => {
    for await (const event of engine.build().dockerfile('FROM busybox\nRUN echo begun; sleep 1000\n'))
      if (event.kind === 'log') break
    expect(await engine.containers.list({ all: true })).toEqual([])
  })
})

describe('a check', () => {
  const rules = async (build: ReturnType<Engine['build']>) =>
    (await build.check()).findings.map(({ rule, lines: { first } }) => `${first} ${rule}`)

  test('finds mistakes with their lines, and builds nothing', async () => {
    const context = contextOf({
      Dockerfile: 'FROM busybox as one\nMAINTAINER me\nWORKDIR w\nCMD echo $NONE\nENV A 1\nENV X=$PTH\n',
    })
    expect(await rules(engine.build(context))).toEqual([
      '1 FromAsCasing',
      '2 MaintainerDeprecated',
      '3 WorkdirRelativePath',
      '4 JSONArgsRecommended',
      '5 LegacyKeyValueFormat',
      '6 UndefinedVar',
    ])
    expect(await engine.containers.list({ all: true })).toEqual([])
  })

  test('knows what the ignore file leaves out, unless it has exceptions', async () => {
    const Dockerfile = 'FROM busybox\nCOPY secret a /\nADD sub/x /\n'
    const ignoring = contextOf({ Dockerfile, '.dockerignore': 'secret\nsub\n' })
    expect(await rules(engine.build(ignoring))).toEqual(['2 CopyIgnoredFile', '3 CopyIgnoredFile'])
    const excepting = contextOf({ Dockerfile, '.dockerignore': 'secret\nsub\n!sub/x\n' })
    expect(await rules(engine.build(excepting))).toEqual([])
    expect(await rules(engine.build(ignoring).dockerfile(Dockerfile))).toHaveLength(2)
  })

  test('knows what a base image has that is here, arguments that are given, and the platform', async () => {
    await engine.build().dockerfile('FROM busybox\nENV FROM_BASE=1\nSHELL ["/bin/sh", "-ec"]\n').tag('checked')
    const text = 'ARG TAG=latest\nFROM --platform=$BUILDPLATFORM checked:$TAG\nENV X=$FROM_BASE\nCMD echo\n'
    expect(await rules(engine.build().dockerfile(text))).toEqual([])
    expect(await rules(engine.build().dockerfile('FROM checked\nENV X=$FROM_BASE\nCMD echo\n'))).toEqual([])
    expect(await rules(engine.build().dockerfile('FROM not-here\nENV X=$FROM_BASE\nCMD ["a"]\n'))).toEqual([
      '2 UndefinedVar',
    ])
  })

  test('says when the file wants to be refused, as a build then is', async () => {
    const build = engine.build().dockerfile('# check=error=true\nFROM busybox\nMAINTAINER me\n')
    expect(await build.check()).toMatchObject({ isError: true })
    await expect(build).rejects.toMatchObject({ code: 'DOCKERFILE_INVALID', line: 3 })
  })

  test('of what is no Dockerfile is an error with its line', async () => {
    await expect(engine.build().dockerfile('FROM busybox\nRUNN true\n').check()).rejects.toMatchObject({
      code: 'DOCKERFILE_INVALID',
      line: 2,
    })
  })
})
