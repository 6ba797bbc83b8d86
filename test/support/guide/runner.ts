import { setTimeout as delay } from 'node:timers/promises'
import { format } from 'node:util'
import { Engine } from 'inboard'

/** What the snippets of a page take for granted. */
export const engine = await Engine.open()

interface Snippet {
  readonly line: number
  readonly runs: boolean
  readonly expected: string[]
  readonly run: () => Promise<unknown>
}

const snippets: Snippet[] = []
/** What the snippet that runs has printed. */
let printed: string[] = []
for (const name of ['log', 'info', 'error'] as const)
  console[name] = (...values: unknown[]) => void printed.push(format(...values))

/** Takes a snippet of the page; `expected` is what it says that it prints. */
export function snippet(line: number, runs: boolean, expected: string[], run: () => Promise<unknown>): void {
  snippets.push({ line, runs, expected, run })
}

/** Within the function of the one before it. */
export function more(_line: number, expected: string[]): void {
  running?.expected.push(...expected)
}

let running: Snippet | undefined

/** Runs all of them, in their order, and takes away what each has left. Fails with all that have failed. */
export async function runAll(page: string): Promise<void> {
  const failures: unknown[] = []
  for (const one of snippets) {
    if (!one.runs) continue
    printed = []
    running = { ...one, expected: [...one.expected] }
    await runOne(running).catch((error) => {
      const text = printed.map((line) => `  ${line}`).join('\n')
      failures.push(new Error(`the snippet at ${page}:${one.line} fails; it has printed:\n${text}`, { cause: error }))
    })
    await cleanUp()
  }
  await engine.close()
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} snippets of ${page} fail`)
}

async function runOne({ run, expected }: Snippet): Promise<void> {
  const stop = new AbortController()
  const late = delay(60_000, undefined, { signal: stop.signal }).then(() => {
    throw new Error('it has not ended after a minute')
  })
  late.catch(() => {})
  try {
    await Promise.race([run(), late])
    compare(expected)
  } finally {
    stop.abort()
  }
}

/** Each of what was promised is printed, in this order. */
function compare(expected: readonly string[]): void {
  let from = 0
  for (const text of expected) {
    const found = printed.findIndex((line, index) => index >= from && line.includes(text))
    if (found < 0) throw new Error(`it does not print ${JSON.stringify(text)}`)
    from = found + 1
  }
}

/** Names may be used again by the next one. */
async function cleanUp(): Promise<void> {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  await engine.networks.prune()
  // One that removes itself has its volumes a moment longer; `prune()` leaves those with options.
  const until = Date.now() + 30_000
  for (let left = await engine.volumes.list(); left.length > 0; left = await engine.volumes.list()) {
    for (const { name } of left)
      await removeVolume(name).catch((error) => {
        if (error.code !== 'VOLUME_NOT_FOUND' && (error.code !== 'VOLUME_IN_USE' || Date.now() > until)) throw error
      })
    await delay(20)
  }
}

const removeVolume = async (name: string) => (await engine.volumes.get(name)).remove()
