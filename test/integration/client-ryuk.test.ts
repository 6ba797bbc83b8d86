import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientTarget, clientTarget } from '../support/client-target.js'

// The reaper of testcontainers, with an image of our own in place of theirs: a container that has the API's socket.

const program = fileURLToPath(new URL('../support/client-reaped.mjs', import.meta.url))
const ryuk = fileURLToPath(new URL('../support/ryuk', import.meta.url))

let target: ClientTarget
let context: string

beforeAll(async () => {
  target = await clientTarget(['busybox', 'flask'])
  const built = await target.docker(['build', '--tag', 'local/ryuk:1', ryuk], { env: { DOCKER_BUILDKIT: '0' } })
  expect(built).toMatchObject({ code: 0 })
  context = join(target.directory, 'context')
  await mkdir(context)
  await writeFile(join(context, 'Dockerfile'), 'FROM busybox\nRUN echo made >/file\nVOLUME /anonymous\n')
})

const children: ChildProcess[] = []

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await target[Symbol.asyncDispose]()
})

test('what killed processes have made is removed, once the last of them is gone', async () => {
  const reaped = await start()
  const [first, second] = [reaped.child, (await start()).child]
  const names = ['ps', '--format', '{{.Names}}', '--filter', 'name=testcontainers-ryuk']
  expect(await lines(...names)).toHaveLength(1)
  expect(await lines('ps', '--no-trunc', '--quiet')).toContain(reaped.container)
  expect(await lines('network', 'ls', '--format', '{{.Name}}')).toContain(reaped.network)
  expect(await lines('images', '--quiet', 'reaped')).toHaveLength(1)

  await kill(first)
  const [state] = await lines('inspect', '--format', '{{.State.Status}}', reaped.container)
  expect(state).toBe('running')
  await kill(second)
  await expect.poll(() => lines('ps', '--all', '--format', '{{.Names}}'), { timeout: 60_000 }).toEqual([])
  expect(await lines('network', 'ls', '--format', '{{.Name}}')).not.toContain(reaped.network)
  expect(await lines('images', '--quiet', 'reaped')).toEqual([])
  expect(await lines('volume', 'ls', '--quiet')).toEqual([])
  expect(await target.leaks()).toEqual([])
})

interface Reaped {
  readonly container: string
  readonly network: string
  readonly child: ChildProcess
}

async function start(): Promise<Reaped> {
  const env = {
    ...process.env,
    ...target.env,
    TMPDIR: target.directory,
    TESTCONTAINERS_HOST_OVERRIDE: 'localhost',
    RYUK_CONTAINER_IMAGE: 'local/ryuk:1',
    TESTCONTAINERS_RYUK_RECONNECTION_TIMEOUT: '2s',
  }
  const child = spawn(process.execPath, [program, context], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended with ${code}`))),
  ])
  return { ...JSON.parse(line), child }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function lines(...args: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await target.docker(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.split('\n').filter(Boolean)
}
