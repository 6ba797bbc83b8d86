import type { BuildEvent, BuildStep, PlanEvent, PullEvent } from '../../build/progress.js'
import { PullDocuments } from '../images/pull.js'
import type { HeldBytes } from './held-output.js'
import { StepLine } from './step-line.js'

/** Writes one document of the answer; resolves when there is room for more. */
export type WriteDocument = (document: unknown) => Promise<void>

/** What a stage has done so far. */
interface StageCourse {
  container: string | undefined
  /** All that was done of it was done before; undefined: nothing that makes files came yet. */
  isCached: boolean | undefined
}

/**
 * What happens in a build, as the classic builder writes it: one step after the other, in the order of the Dockerfile. Stages are
 * built at the same time: what comes of a step whose turn it is not yet waits for it, and loses its beginning where it is too much.
 */
export class Transcript {
  readonly #write: WriteDocument
  readonly #labels: readonly string[]
  readonly #held: HeldBytes = { total: 0 }
  readonly #lines = new Map<string, StepLine>()
  readonly #pulls = new Map<string, PullDocuments>()
  readonly #courses = new Map<string, StageCourse>()
  #order: readonly StepLine[] = []
  /** Whose turn it is. */
  #current = 0
  #warnings: string[] = []

  /** @param labels that are given to the image beside the Dockerfile's: steps of their own */
  constructor(write: WriteDocument, labels: Readonly<Record<string, string>> = {}) {
    this.#write = write
    this.#labels = Object.entries(labels)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `LABEL ${name}=${value}`)
  }

  async add(event: BuildEvent): Promise<void> {
    if (event.kind === 'plan') return this.#begin(event)
    if (event.kind === 'warning' && event.finding.rule === 'UnusedBuildArg') this.#warnings.push(event.finding.message)
    if (event.kind === 'lost') await this.#write(stream(`[output clipped: ${event.bytes} bytes]\n`))
    if (event.kind === 'pull') return this.#pull(event)
    if (!('step' in event)) return
    const line = this.#lineOf(event.step)
    if (!line) return
    line.hasBegun = true
    const course = this.#courseOf(event.step)
    switch (event.kind) {
      case 'step':
        line.hasFailed ||= event.status === 'failed'
        if (event.status === 'cached') return this.#cached(line, course)
        if (event.status === 'started' && !isFrom(event.step)) course.isCached = false
        return
      case 'container':
        course.container = event.id
        return this.#emit(line, ` ---> Running in ${short(event.id)}\n`)
      case 'log':
        return this.#emit(line, line.text(event.stream, event.data))
      case 'result':
        return this.#result(line, course, event)
    }
  }

  /** The build has made an image. */
  async finish(id: string, tags: readonly string[]): Promise<void> {
    // The last instruction, and labels that are given beside.
    for (const line of this.#order.slice(this.#current)) {
      await this.#turn(line)
      await this.#write(stream(` ---> ${short(id)}\n`))
    }
    await this.#write({ aux: { ID: id } })
    for (const message of this.#warnings) await this.#write(stream(`[Warning] ${message}\n`))
    await this.#write(stream(`Successfully built ${short(id)}\n`))
    for (const tag of tags) await this.#write(stream(`Successfully tagged ${tag}\n`))
  }

  /** The build has failed: what is known of the steps up to the one that did. @param at the line of the Dockerfile, where one is known */
  async end(at: number | undefined): Promise<void> {
    const failed = this.#order.findIndex((line) => line.hasFailed || (at !== undefined && line.line === at))
    const lines = this.#order.slice(this.#current, failed < 0 ? this.#current : failed + 1)
    for (const line of lines) if (line.hasBegun || line.line === at) await this.#turn(line)
  }

  async #begin({ args, steps }: PlanEvent): Promise<void> {
    const before = args.map((instruction) => new StepLine(instruction, undefined, this.#held))
    for (const line of before) line.awaited = 0
    for (const step of steps) this.#lines.set(step.id, new StepLine(step.instruction, step.line, this.#held))
    const behind = this.#labels.map((instruction) => new StepLine(instruction, undefined, this.#held))
    this.#order = [...before, ...this.#lines.values(), ...behind]
    await this.#advance()
  }

  /** A base image on its way is told of at once: its documents have ids of their own. */
  async #pull({ reference, progress }: PullEvent): Promise<void> {
    const documents = this.#pulls.get(reference) ?? new PullDocuments()
    this.#pulls.set(reference, documents)
    for (const document of documents.of(progress)) await this.#write(document)
    if (progress.kind === 'image') for (const document of documents.end()) await this.#write(document)
  }

  /** Of a trigger: the FROM of its stage. */
  #lineOf({ id }: BuildStep): StepLine | undefined {
    return this.#lines.get(id.split('.').slice(0, 2).join('.'))
  }

  #courseOf({ id }: BuildStep): StageCourse {
    const [stage = ''] = id.split('.')
    const course = this.#courses.get(stage) ?? { container: undefined, isCached: undefined }
    this.#courses.set(stage, course)
    return course
  }

  #cached(line: StepLine, course: StageCourse): Promise<void> {
    course.isCached ??= true
    return this.#emit(line, usingCache)
  }

  async #result(
    line: StepLine,
    course: StageCourse,
    { step, id, triggers = 0 }: Extract<BuildEvent, { kind: 'result' }>,
  ): Promise<void> {
    for (const text of line.rest()) await this.#emit(line, text)
    if (course.container !== undefined)
      await this.#emit(line, `Removing intermediate container ${short(course.container)}\n`)
    course.container = undefined
    // What makes no files is as new as what came before it.
    if (!isFrom(step) && !makesFiles.test(step.instruction) && course.isCached) await this.#emit(line, usingCache)
    line.awaited += triggers - 1
    if (triggers > 0) await this.#emit(line, `# Executing ${triggers} build trigger${triggers > 1 ? 's' : ''}\n`)
    if (line.awaited > 0) return
    // The last one is the image, which is not made yet.
    if (line !== this.#order.at(-1)) await this.#emit(line, ` ---> ${short(id)}\n`)
    await this.#advance()
  }

  async #emit(line: StepLine, text: string): Promise<void> {
    if (text === '') return
    if (line === this.#order[this.#current]) return this.#write(stream(text))
    line.held.add(stream(text), text.length)
  }

  /** Goes on to the next one that is not done. The last one ends with the image. */
  async #advance(): Promise<void> {
    for (let line = this.#order[this.#current]; line; line = this.#order[++this.#current]) {
      await this.#turn(line)
      if (line.awaited > 0 || line === this.#order.at(-1)) return
    }
  }

  /** It is a step's turn: its name, and what has come of it meanwhile. */
  async #turn(line: StepLine): Promise<void> {
    if (!line.isShown) {
      line.isShown = true
      await this.#write(stream(`Step ${this.#order.indexOf(line) + 1}/${this.#order.length} : ${line.instruction}`))
      await this.#write(stream('\n'))
    }
    for (const document of line.held.take()) await this.#write(document)
  }
}

const usingCache = ' ---> Using cache\n'

const makesFiles = /^\s*(RUN|COPY|ADD|WORKDIR)\b/i

const stream = (text: string) => ({ stream: text })

const short = (id: string) => id.replace(/^sha256:/, '').slice(0, 12)

const isFrom = ({ id }: BuildStep) => /^\d+\.0$/.test(id)
