import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import recorded from './facts/build-run.json' with { type: 'json' }

const execute = promisify(execFile)

interface Fact {
  readonly lines: string
  readonly buildArgs: Readonly<Record<string, string>>
  readonly log: string
  readonly history?: readonly string[]
  readonly error?: string
}

/** What is otherwise here, and why. */
const differences: Readonly<Record<string, Partial<Fact>>> = {
  // Later versions of BuildKit tell an ARG that is declared again once, too.
  'ARG A=1\nARG A=2\nARG B=3\nRUN echo $A $B': {
    history: ['ARG A=1', 'ARG A=2', 'ARG B=3', 'RUN |2 A=2 B=3 /bin/sh -c echo $A $B # buildkit'],
  },
  // And the value that an ARG has, not only its default.
  'ARG A=1\nARG NONE\nARG B\nENV A=2\nRUN env | grep -v HOSTNAME | sort': {
    history: [
      'ARG A=1',
      'ARG NONE',
      'ARG B=given',
      'ENV A=2',
      'RUN |3 A=2 NONE= B=given /bin/sh -c env | grep -v HOSTNAME | sort # buildkit',
    ],
  },
  'ARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM': {
    history: [
      'ARG TARGETPLATFORM=linux/amd64',
      'RUN |1 TARGETPLATFORM=linux/amd64 /bin/sh -c echo $TARGETPLATFORM # buildkit',
    ],
  },
  'ARG HTTP_PROXY\nRUN echo $HTTP_PROXY': {
    history: ['ARG HTTP_PROXY=http://p', 'RUN |1 HTTP_PROXY=http://p /bin/sh -c echo $HTTP_PROXY # buildkit'],
  },
  // Looked for where the path leads; told as it was written.
  'RUN --mount=source=up,target=/c ls /c': { error: 'failed to compute cache key: "/up": not found' },
  // The reference has all binds read-only; 0.8 lets programs write to a copy of an image.
  'RUN --mount=from=busybox,source=/bin,target=/b touch /b/x || echo no': {
    log: 'touch: /b/x: Read-only file system\nno\n',
  },
  'RUN --mount=from=busybox,target=/b touch /b/x || echo no': { log: 'touch: /b/x: Read-only file system\nno\n' },
}

let host: TestEngine
let context: string
beforeAll(async () => {
  host = await testEngine(['busybox'])
  context = await mkdtemp(join(tmpdir(), 'build-run-facts-'))
  await execute('sh', ['-ec', recorded.setUp], { cwd: context })
}, 120_000)
afterAll(async () => {
  await rm(context, { recursive: true })
  await host[Symbol.asyncDispose]()
})

type Made = Pick<Fact, 'log' | 'history' | 'error'>

async function build({ lines, buildArgs }: Fact): Promise<Made> {
  await writeFile(join(context, 'Dockerfile'), `FROM busybox\n${lines}\n`)
  const building = host.engine.build(context, { buildArg: buildArgs, noCache: true, network: 'none' })
  let log = ''
  try {
    for await (const event of building) if (event.kind === 'log') log += event.data
  } catch (error) {
    return { log: inOrder(log), error: (error as Error).message }
  }
  const history = await (await building).history()
  const own = history.filter(({ comment }) => comment === 'buildkit.dockerfile.v0')
  return { log: inOrder(log), history: own.map(({ createdBy }) => createdBy).reverse() }
}

/** What is written to two streams has no order. */
const inOrder = (log: string) => log.split('\n').sort().join('\n')

/** What BuildKit 0.8 says, as later versions of it do. */
function inLaterWords(error: string): string {
  return error
    .replace(/^failed to solve with frontend \S+: failed to (?:create|marshal) LLB definition: /, '')
    .replace(/ not found: not found$/, ': not found')
    .replace(
      /^executor failed running \[(.*)\]: (exit code: \d+)$/,
      (_, args, code) => `process ${JSON.stringify(args)} did not complete successfully: ${code}`,
    )
}

describe('RUN, as Docker’s BuildKit has it', () => {
  test.each(recorded.facts as readonly Fact[])('$lines', async (fact) => {
    const { log, history, error } = { ...fact, ...differences[fact.lines] }
    const made = error === undefined ? { history } : { error: inLaterWords(error) }
    expect(await build(fact)).toEqual({ log: inOrder(log), ...made })
  })
})
