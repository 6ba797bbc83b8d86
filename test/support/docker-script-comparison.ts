import type { Followed, Step } from './docker-script.js'

/** Where steps differ from Docker, and why: all that they show, or some of its lines, at one client, or at each. */
export interface Difference {
  readonly script: string
  /** The steps, as they are run. */
  readonly steps: readonly string[]
  /** The lines that are not compared. Default: all. */
  readonly lines?: RegExp
  /** The exit codes differ, too. */
  readonly code?: boolean
  /** The client's version: `20.10`. Default: each. */
  readonly client?: string
  readonly why: string
}

/** What the comparison of a step has come to. */
export interface Verdict {
  /** Why it is not as Docker has it; there may be several reasons. What is listed and does not differ is not among them. */
  readonly explained: readonly string[]
  /** Lines that differ and should not: `- Docker's`, `+ ours`. */
  readonly unexplained: readonly string[]
}

const placeholder = /<[a-z ]+ \d+>/g
const bare = (line: string): string => line.replace(placeholder, '<>')

/** Compares what one script has shown with what it shows with Docker, step after step. */
export class Comparison {
  /** Docker's name of each thing that we have a name of. */
  readonly #names = new Map<string, string>()

  constructor(
    private readonly script: string,
    private readonly client: string,
    private readonly differences: readonly Difference[],
  ) {}

  compare(step: Step, ours: Followed, docker: Followed): Verdict {
    const listed = this.differences.filter(
      ({ script, steps, client }) =>
        script === this.script && steps.includes(step.run) && (client ?? this.client) === this.client,
    )
    const unexplained = this.#differing(step, ours, docker, listed)
    const needed = listed.filter((one) => {
      const others = listed.filter((other) => other !== one)
      return this.#differing(step, ours, docker, others).length > 0
    })
    if (step.compared !== 'lines') this.#learn(ours, docker)
    return { explained: needed.map(({ why }) => why), unexplained }
  }

  #differing(step: Step, ours: Followed, docker: Followed, listed: readonly Difference[]): string[] {
    const isSameCode = ours.code === docker.code || listed.some(({ code }) => code)
    const codes = isSameCode ? [] : [`- exit code ${docker.code}`, `+ exit code ${ours.code}`]
    if (listed.some(({ lines }) => lines === undefined)) return codes
    const kept = (text: string) => steady(text).filter((line) => !listed.some(({ lines }) => lines?.test(line)))
    const differing = step.compared === 'lines' ? withoutOrder : this.#inOrder
    return [
      ...codes,
      ...differing(kept(ours.stdout), kept(docker.stdout)),
      ...differing(kept(ours.stderr), kept(docker.stderr)),
    ]
  }

  readonly #inOrder = (ours: readonly string[], docker: readonly string[]): string[] => {
    if (ours.length === docker.length && ours.every((line, at) => this.#isSame(line, docker[at] ?? ''))) return []
    const apart = withoutOrder(ours, docker)
    if (apart.length > 0) return apart
    const differing = ours.flatMap((line, at) =>
      this.#isSame(line, docker[at] ?? '') ? [] : [`- ${docker[at]}`, `+ ${line}`],
    )
    return ['another order, or other things:', ...differing]
  }

  /** The same but for names, and those name the same things as before. */
  #isSame(ours: string, docker: string): boolean {
    if (bare(ours) !== bare(docker)) return false
    const theirs = docker.match(placeholder) ?? []
    return (ours.match(placeholder) ?? []).every((name, at) => (this.#names.get(name) ?? theirs[at]) === theirs[at])
  }

  /** Takes what is named for the first time for the same, where nothing else differs. */
  #learn(ours: Followed, docker: Followed): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const [mine, theirs] = [steady(ours[stream]), steady(docker[stream])]
      if (mine.length !== theirs.length) continue
      mine.forEach((line, at) => {
        const other = theirs[at] ?? ''
        if (bare(line) !== bare(other)) return
        const names = other.match(placeholder) ?? []
        line.match(placeholder)?.forEach((name, place) => {
          if (!this.#names.has(name)) this.#names.set(name, names[place] ?? name)
        })
      })
    }
  }
}

/** Lines without those that come when something takes longer, and without what is another number each time. */
function steady(text: string): string[] {
  return (
    text
      .split('\n')
      .filter((line) => !/^<id \d+>: (?:Waiting|Verifying Checksum|Download complete)$/.test(line))
      // What a client says of an answer that came before it was ready for it.
      .filter((line) => !/read\/write on closed pipe|^failed to resize tty/.test(line))
      // Of a client that is refused while it still sends.
      .filter((line) => !/ level=error msg="Can't (?:add file|close tar writer)/.test(line))
      .map((line) => line.replace(/(?<=State\.Pid = |digest: sha256:<full id \d+> size: )\d+/, '0'))
  )
}

function withoutOrder(ours: readonly string[], docker: readonly string[]): string[] {
  return [...without(docker, ours).map((line) => `- ${line}`), ...without(ours, docker).map((line) => `+ ${line}`)]
}

/** The lines that the others lack. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = others.map(bare)
  return lines.filter((line) => {
    const at = left.indexOf(bare(line))
    if (at >= 0) left.splice(at, 1)
    return at < 0 && line !== ''
  })
}
