import { execFile } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { hasEnded, supervisorIn } from '../support/processes.js'

const run = promisify(execFile)

/** All supervisors die at once, and what is in memory is gone. Who opens the root comes after that. */
async function reboot({ engine, directory }: TestEngine): Promise<Engine> {
  const runRoot = join(directory, 'run')
  // Those that have ended are torn down.
  await engine.close()
  const ids = readdirSync(runRoot).filter((name) => /^[0-9a-f]{64}$/.test(name))
  const supervisors = ids.map((id) => supervisorIn(join(runRoot, id)))
  for (const pid of supervisors) process.kill(pid, 'SIGKILL')
  await expect.poll(() => supervisors.every(hasEnded)).toBe(true)
  for (const name of readdirSync(runRoot)) rmSync(join(runRoot, name), { recursive: true, force: true })
  return Engine.open({ root: join(directory, 'root'), runRoot })
}

const names = (some: readonly { readonly name: string }[]) => some.map(({ name }) => name).sort()

describe('after a reboot', () => {
  test('what its policy wants runs again, after what it depends on, and nothing else', async () => {
    await using host = await testEngine(['busybox'])
    const sleeping = (name: string) => host.engine.run('busybox', ['sleep', '1000']).name(name)
    await sleeping('plain')
    await sleeping('always').restart('always')
    await sleeping('unless').restart('unless-stopped')
    await sleeping('failing').restart('on-failure')
    await sleeping('sharing').restart('always').network('container:always')
    await sleeping('linked').restart('always').link('unless:peer')
    await sleeping('never-ran').restart('always').create()
    const stopped = await sleeping('always-stopped').restart('always')
    await stopped.stop({ timeoutMs: 0 })
    const still = await sleeping('unless-stopped').restart('unless-stopped')
    await still.stop({ timeoutMs: 0 })
    const done = await host.engine.run('busybox', ['true']).name('done').restart('on-failure')
    await done.wait()

    await using after = await reboot(host)
    const { started, failed } = await after.restore()
    expect(failed).toEqual([])
    expect(names(started)).toEqual(['always', 'always-stopped', 'failing', 'linked', 'sharing', 'unless'])
    expect(names(await after.containers.list())).toEqual(names(started))
    const { State, RestartCount } = await (await after.containers.get('always')).inspect()
    expect({ status: State.Status, RestartCount }).toEqual({ status: 'running', RestartCount: 0 })
    expect(await after.restore()).toEqual({ started: [], failed: [] })
  })

  test('what cannot be started is told, and keeps nothing else from starting', async () => {
    await using host = await testEngine(['busybox'])
    const directory = await mkdtemp('/tmp/ib-restore-')
    await host.engine
      .run('busybox', ['sleep', '1000'])
      .name('broken')
      .restart('always')
      .mount({ type: 'bind', source: directory, target: '/there' })
    await host.engine.run('busybox', ['sleep', '1000']).name('whole').restart('always').volumesFrom('broken:ro')
    await rm(directory, { recursive: true })

    await using after = await reboot(host)
    const { started, failed } = await after.restore()
    expect(names(failed.map(({ container }) => container))).toContain('broken')
    expect([...names(started), ...names(failed.map(({ container }) => container))].sort()).toEqual(['broken', 'whole'])
    // Whoever takes a bind of another makes what is missing, as -v does.
    await rm(directory, { recursive: true, force: true })
  })

  test('several processes at once start each container once', async () => {
    await using host = await testEngine(['busybox'])
    for (const name of ['one', 'two', 'three'])
      await host.engine.run('busybox', ['sh', '-c', 'echo started; exec sleep 1000']).name(name).restart('always')
    await using after = await reboot(host)
    const restoring = `const { started, failed } = await engine.restore(); return { started: started.map(({ name }) => name), failed }`
    const results = await Promise.all(
      [1, 2].map(() => inAnotherProcess<{ started: string[]; failed: unknown[] }>(host, restoring)),
    )
    expect(results.flatMap(({ failed }) => failed)).toEqual([])
    expect(results.flatMap(({ started }) => started).sort()).toEqual(['one', 'three', 'two'])
    expect(names(await after.containers.list())).toEqual(['one', 'three', 'two'])
  })
})

describe('the systemd unit', () => {
  test('starts what should run when it is executed, and systemd takes it', async () => {
    await using host = await testEngine(['busybox'])
    await host.engine.run('busybox', ['sleep', '1000']).name('wanted').restart('always')
    await using after = await reboot(host)
    const unit = await after.systemdUnit({ description: '100% of "it"' })
    const words = commandOf(unit)
    await run(words[0] as string, words.slice(1))
    expect(names(await after.containers.list())).toEqual(['wanted'])
    expect(unit).toContain('\nRemainAfterExit=yes\n')
    expect(unit).toContain('\nKillMode=process\n')
    expect(unit).toContain('Description=100%% of "it"')
    expect(await verified(host.directory, unit)).toBe('')
  })
})

/** What systemd makes of ExecStart. @see systemd.service(5), "COMMAND LINES" */
function commandOf(unit: string): string[] {
  const line = /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? ''
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) =>
    word.replace(/\\(.)/g, '$1').replaceAll('%%', '%').replaceAll('$$', '$'),
  )
}

/** What systemd-analyze(1) has to say of it. */
async function verified(directory: string, unit: string): Promise<string> {
  const file = join(directory, 'inboard-test.service')
  await writeFile(file, unit)
  const { stderr } = await run('systemd-analyze', ['verify', '--man=no', file])
  return stderr
    .split('\n')
    .filter((line) => line.includes('inboard-test'))
    .join('\n')
}
