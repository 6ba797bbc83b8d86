import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { Engine } from '../../src/index.js'
import { leaksOf } from '../support/engine.js'
import { imageArchive } from '../support/images.js'
import { settled } from '../support/settled.js'

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
const directories: string[] = []
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** A root with busybox, and what is built there. */
async function place(dockerfile: string) {
  const directory = mkdtempSync('/tmp/ib-')
  directories.push(directory)
  const roots = { root: join(directory, 'root'), runRoot: join(directory, 'run') }
  const engine = await Engine.open(roots)
  await engine.images.load(imageArchive('busybox'))
  await engine.close()
  mkdirSync(join(directory, 'context'))
  writeFileSync(join(directory, 'context/Dockerfile'), dockerfile)
  return { directory, roots, context: join(directory, 'context') }
}

/** Builds in a process of its own, which tells what is printed, and waits for `ending` then. */
function building({ roots, context }: Awaited<ReturnType<typeof place>>, ending = 'new Promise(() => {})') {
  const program = `
    import { Engine } from ${JSON.stringify(entry)}
    const engine = await Engine.open(${JSON.stringify(roots)})
    for await (const event of engine.build(${JSON.stringify(context)})) {
      if (event.kind !== 'log') continue
      console.log(event.data.toString())
      await ${ending}
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  return child
}

async function printed(child: ChildProcess, text: string): Promise<void> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) if (line === text) return
  throw new Error(`it ended before it printed ${text}`)
}

const dockerfile = `FROM busybox
RUN --network=none trap "" TERM INT HUP; echo x > /made; sleep 1000 & echo ready; while :; do sleep 1; done
`

/** The processes of containers of a root. */
const programsOf = (directory: string) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/mountinfo`).includes(directory))

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

it('ends the program of a build whose process was killed, and leaves nothing of it for the next engine', async () => {
  const at = await place(dockerfile)
  const child = building(at)
  await printed(child, 'ready')
  expect(readdirSync(join(at.directory, 'root/containers'))).toHaveLength(1)
  child.kill('SIGKILL')
  await once(child, 'close')
  // Nobody has the root open: the supervisor does it.
  await expect.poll(() => programsOf(at.directory), { timeout: 20_000 }).toEqual([])
  const engine = await Engine.open(at.roots)
  expect(await engine.containers.list({ all: true })).toEqual([])
  expect(await settled(() => leaksOf(at.directory))).toEqual([])
  await engine.close()
}, 40_000)

it('ends its builds when an engine is closed', async () => {
  const at = await place(dockerfile)
  const child = building(at, 'engine.close()')
  await printed(child, 'ready')
  await once(child, 'close')
  expect(readdirSync(join(at.directory, 'root/containers'))).toEqual([])
  expect(await settled(() => leaksOf(at.directory))).toEqual([])
}, 40_000)
