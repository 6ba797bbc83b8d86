import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import type { BuildOptions } from '../../src/engine/build-options.js'
import type { BuildError } from '../../src/index.js'
import { type TestEngine, testEngine } from './engine.js'
import { startEngineProcess } from './engine-process.js'
import type { TestImage } from './images.js'

/** What makes an image, and one. */
type ImageOptions = Omit<BuildOptions, 'output' | 'platform'>

interface Given extends ImageOptions {
  readonly context?: string
}

/** Builds of Dockerfiles by an engine of the test file's own, of which nothing may be left at its end. */
export function buildTrials(images: readonly TestImage[] = ['busybox']) {
  let host: TestEngine
  beforeAll(async () => {
    host = await testEngine(images)
  }, 120_000)
  afterAll(async () => {
    const left = await host.leaks()
    await host[Symbol.asyncDispose]()
    expect(left).toEqual([])
  })

  /** Builds a Dockerfile: the image, and all that its programs have printed. */
  async function build(text: string, { context, ...options }: Given = {}) {
    const building = host.engine.build(context, { dockerfile: text, ...options })
    let log = ''
    for await (const event of building) if (event.kind === 'log') log += event.data
    return { image: await building, log }
  }

  /** What is printed by the programs of a Dockerfile on busybox. */
  const logOf = async (lines: string, given?: Given) => (await build(`FROM busybox\n${lines}\n`, given)).log

  async function failureOf(lines: string, given?: Given): Promise<BuildError> {
    const failure = await build(`FROM busybox\n${lines}\n`, given).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(Error)
    return failure as BuildError
  }

  /** What an image has, as its own container sees it. */
  async function inside(image: { readonly id: string }, script: string): Promise<string> {
    const { stdout } = await host.engine.run(image.id, ['/bin/sh', '-c', script]).rm().output()
    return stdout
  }

  /** A process of its own that builds a RUN, which has said `waiting`. */
  async function builderOf(run: string, options: ImageOptions = {}) {
    const request = JSON.stringify({ ...options, dockerfile: `FROM busybox\nRUN ${run}\n` })
    const roots = { root: join(host.directory, 'root'), runRoot: join(host.directory, 'run') }
    const builder = startEngineProcess(
      roots,
      `for await (const event of engine.build(undefined, ${request})) if (event.kind === 'log') console.log(String(event.data))`,
    )
    onTestFinished(async () => {
      builder.kill('SIGKILL')
      // The next build removes what it has left.
      await logOf('RUN true')
    })
    for await (const line of createInterface(builder.stdout)) if (line.includes('waiting')) return builder
    throw new Error('the builder has ended')
  }

  return {
    get host() {
      return host
    },
    build,
    logOf,
    failureOf,
    inside,
    builderOf,
  }
}
