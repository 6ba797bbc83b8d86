import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { sha256 } from './support/canary.js'
import { importHostile } from './support/oracle-image.js'
import { Programs } from './support/programs.js'
import { file, symlink } from './support/tar.js'

// CVE-2019-5736: what a container can get hold of while a process enters it must not be what the host runs next.
const binaries = ['inboard-supervisor', 'inboard-init', 'inboard.node'].map((name) =>
  fileURLToPath(new URL(`../../build/Release/${name}`, import.meta.url)),
)
const hashes = () => binaries.map(sha256)

let host: TestEngine
const before = hashes()
const programs = new Programs('overwrite')
beforeAll(async () => {
  host = await testEngine([])
  await importHostile(host.engine, 'itself', [
    symlink('link', '/proc/self/exe'),
    file('script', '#!/proc/self/exe\n', 0o755),
    symlink('bin/through', '../proc/thread-self/exe'),
  ])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  programs[Symbol.dispose]()
})

const image = () => host.engine.run('itself', ['sleep', '300']).volume(programs.volume)
const ended = (run: PromiseLike<{ exitCode: number | undefined }>) =>
  Promise.resolve(run).then(
    ({ exitCode }) => exitCode ?? -1,
    () => -1,
  )

describe('a program that is the one who starts it', () => {
  test.each(['/link', '/script', 'through'])(
    '%s runs nothing as the first process, and changes nothing',
    async (program) => {
      expect(await ended(host.engine.run('itself', [program]).rm().output())).not.toBe(0)
      expect(hashes()).toEqual(before)
    },
  )

  test.each(['/link', '/script', 'through'])('%s runs nothing as an exec, and changes nothing', async (program) => {
    const container = await image()
    expect(await ended(container.exec([program]))).not.toBe(0)
    await container.remove({ force: true })
    expect(hashes()).toEqual(before)
  })
})

describe('a container that reaches for every process that enters it', () => {
  const execs = 100

  /** Runs the attacker beside a hundred execs of `command`, and tells what it got. */
  async function attackedBy(container: Container, command: readonly string[]): Promise<string> {
    const attacker = await container.exec(['/p/overwrite']).interactive().start()
    const reports: string[] = []
    const reading = (async () => {
      for await (const chunk of attacker.stdout) reports.push(String(chunk))
    })()
    for (let n = 0; n < execs; n++) await ended(container.exec(command))
    attacker.stdin.end()
    await reading
    return reports.join('')
  }

  test('gets hold of none while they become a program of the image', async () => {
    const container = await image()
    expect(await attackedBy(container, ['true'])).toBe('ready\nheld 0 opened 0 written 0 outside 0 traced 0\n')
    await container.remove({ force: true })
  })

  test('gets hold of the supervisor that executes itself, and cannot write to it', async () => {
    const container = await image()
    const report = await attackedBy(container, ['/link'])
    expect(report).toMatch(/ written 0 outside 0 traced \d+\n$/)
    await container.remove({ force: true })
    expect(hashes()).toEqual(before)
  })

  test('leaves what this process starts supervisors from as it was', async () => {
    const container = await image()
    const { State } = await container.inspect()
    expect(sha256(`/proc/${parentOf(State.Pid)}/exe`)).toBe(before[0])
    await container.remove({ force: true })
  })
})

function parentOf(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'utf8').match(/^PPid:\s+(\d+)/m)?.[1] ?? ''
}

test('nothing of all this is left on the host', async () => {
  expect(await host.leaks()).toEqual([])
})
