import { execFileSync } from 'node:child_process'
import { appendFileSync, closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openJournal } from '../../../src/events/journal.js'
import { completeLine, endingBytes } from '../../../src/events/line.js'
import type { Container, Engine, LogDriver } from '../../../src/index.js'
import type { Roots, Step, User } from './scenario.js'

/** Ends when it is told so, and only then. */
const service = 'echo said; trap "exit 3" USR1; while :; do sleep 1000 & wait; done'
const always = { restart: 'always' } as const

/** What happens to containers after they were made; each step can be repeated after it has failed. */
export const lifecycleScenario: readonly Step[] = [
  { does: 'open', facts: {}, act: (user) => user.engine() },
  { does: 'load', facts: {}, act: async (user) => (await user.engine()).images.load(user.archives.image) },
  { does: 'leave a journal that has no more room', facts: {}, act: fillJournal },
  {
    does: 'run what is watched',
    facts: {
      'container service': 'running',
      'event service/create': '1',
      'event service/start': '1',
      'logged said': '1',
    },
    async act(user) {
      const engine = await user.engine()
      await discard(engine, 'service')
      await engine
        .run('busybox', ['sh', '-c', service])
        .name('service')
        .network('none')
        .logDriver('spool')
        .restart('on-failure:3')
        .stopSignal('TERM')
        .healthCmd(['true'])
        .healthStartPeriod('5m')
        .healthStartInterval(10)
        .init()
    },
  },
  {
    does: 'see that it is well',
    facts: { 'container service': 'running', 'event service/health_status: healthy': '1' },
    act: async (user) => (await user.container('service')).waitFor('healthy'),
  },
  {
    does: 'pause it, and let it go on',
    facts: { 'container service': 'running', 'event service/pause': '1', 'event service/unpause': '1' },
    async act(user) {
      const container = await user.container('service')
      if (!(await container.inspect()).State.Paused) await container.pause()
      await container.unpause()
    },
  },
  {
    does: 'execute in it',
    facts: { 'container service': 'running', 'event service/exec_start: sh -c exit 5': '1', 'execs service': '1' },
    async act(user) {
      const container = await user.container('service')
      await endExecs(container)
      const { exitCode } = await container.exec(['sh', '-c', 'exit 5'])
      if (exitCode !== 5) throw new Error(`an exec ends with ${exitCode}`)
      await container.exec(['sleep', '1000']).detach()
    },
  },
  {
    does: 'fail to execute in it',
    facts: { 'container service': 'running', 'event service/exec_start: /none of it': '1', 'execs service': '1' },
    async act(user) {
      const container = await user.container('service')
      await failing('PROGRAM_NOT_FOUND', container.exec(['/none', 'of it']))
    },
  },
  {
    does: 'have it started again by its policy',
    facts: {
      'container service': 'running',
      'event service/die': '1',
      'event service/start': '2',
      'execs service': '0',
      // Its checks begin anew.
      'event service/health_status: healthy': '1|2',
    },
    async act(user) {
      const container = await user.container('service')
      if ((await container.inspect()).RestartCount === 0) await container.kill('USR1')
      while (!(await hasRestarted(container))) await delay(5)
    },
  },
  {
    does: 'update it, and stop it',
    facts: {
      'container service': 'exited 137|exited 143',
      'event service/update': '1',
      'event service/stop': '1',
      'event service/die': '2',
    },
    async act(user) {
      const container = await user.container('service')
      await container.update({ ...always, cpuShares: 512 })
      await container.stop({ timeoutMs: 0 })
    },
  },
  {
    does: 'copy into one that does not run, and out of it',
    facts: { 'container still': 'created', 'event still/create': '1', 'event still/extract-to-dir': '1' },
    async act(user) {
      const engine = await user.engine()
      await discard(engine, 'still')
      const still = await engine.run('busybox').name('still').network('none').volume('/any').create()
      const source = `${dirname(user.roots.root)}/copied`
      writeFileSync(source, 'copied\n')
      await still.copyTo(source, '/kept')
      await still.copyFrom('/kept', `${source}-back`)
      if (readFileSync(`${source}-back`, 'utf8') !== 'copied\n') throw new Error('another file comes back')
    },
  },
  {
    does: 'restore what should run',
    facts: {
      'container service': 'running',
      'event service/start': '3',
      'event service/health_status: healthy': '1|2|3',
    },
    async act(user) {
      const { failed } = await (await user.engine()).restore()
      for (const { error } of failed) throw error
    },
  },
  {
    does: 'kill its supervisor',
    facts: { 'container service': 'exited 137', 'event service/die': '3' },
    async act(user) {
      const container = await user.container('service')
      if ((await container.inspect()).State.Running) await user.killSupervisor('service')
      await container.wait()
    },
  },
  {
    does: 'fail to remove one',
    facts: { 'container still': 'dead', 'event still/destroy': '0' },
    async act(user) {
      const still = await user.container('still')
      pin(user, still, '+')
      try {
        await still
          .remove()
          .then(() => Promise.reject(new Error('what cannot be changed was removed')), ignoring('CLEANUP_FAILED'))
      } finally {
        pin(user, still, '-')
      }
    },
  },
  {
    does: 'remove them',
    facts: {
      'container service': 'absent',
      'execs service': 'none',
      'container still': 'absent',
      'event service/destroy': '1',
      'event still/destroy': '1',
    },
    async act(user) {
      const engine = await user.engine()
      while (timesLogged(user.roots, 'said') === 0) await delay(5)
      for (const name of ['service', 'still']) await discard(engine, name)
    },
  },
  {
    does: 'have something that ends with it',
    facts: { 'container ephemeral': 'running|absent' },
    async act(user) {
      const engine = await user.engine()
      for (const kind of ['containers', 'networks', 'volumes'] as const)
        await engine[kind].get('ephemeral').then((one) => one.close(), ignoringMissing)
      await engine.networks.create('ephemeral').ephemeral()
      await engine.volumes.create('ephemeral').ephemeral()
      await engine
        .run('busybox', ['sleep', '1000'])
        .name('ephemeral')
        .network('ephemeral')
        .volume('ephemeral:/data')
        .volume('/anonymous')
        .ephemeral()
    },
  },
  { does: 'close', facts: {}, act: (user) => user.close() },
]

function ignoringMissing(error: { code?: string }): void {
  if (!error.code?.endsWith('_NOT_FOUND')) throw error
}

const spoolOf = ({ root }: Pick<Roots, 'root'>) => `${dirname(root)}/spool`

/** The roots with a driver of logs that writes what it gets to a file beside the root. */
export function withSpool<Given extends Roots>(roots: Given): Given {
  const spool: LogDriver = {
    async write(entries) {
      appendFileSync(spoolOf(roots), entries.map(({ text }) => text).join(''))
    },
  }
  return { ...roots, logDrivers: { spool } }
}

/** How often the driver has got a line. */
export function timesLogged(roots: Pick<Roots, 'root'>, line: string): number {
  const path = spoolOf(roots)
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((one) => one === line).length
    : 0
}

/** A line as long as a file may be, of nothing: the next event is the first one of another file. */
async function fillJournal(user: User): Promise<void> {
  await user.close()
  const journal = openJournal(user.roots.root)
  const { timeNs, outbox } = journal.position()
  const fd = openSync(journal.path, 'a')
  ftruncateSync(fd, journal.limits.maximumBytes)
  appendFileSync(fd, completeLine(' '.repeat(endingBytes), { timeNs: timeNs + 1n, outbox }))
  closeSync(fd)
  journal.close()
}

async function hasRestarted(container: Container): Promise<boolean> {
  const { State, RestartCount } = await container.inspect()
  return RestartCount === 1 && State.Running && !State.Restarting
}

async function endExecs(container: Container): Promise<void> {
  for (const exec of await container.execs()) if ((await exec.inspect()).Running) await exec.kill()
}

/** Has one of a container's files refuse to be removed, or to be so no more. */
function pin({ roots }: User, { id }: Container, sign: '+' | '-'): void {
  execFileSync('chattr', [`${sign}i`, `${roots.root}/containers/${id}/upper/kept`])
}

async function discard(engine: Engine, name: string): Promise<void> {
  const container = await engine.containers.get(name).catch(ignoring('CONTAINER_NOT_FOUND'))
  await container?.remove({ force: true, volumes: true })
}

async function failing(code: string, what: PromiseLike<unknown>): Promise<void> {
  const isDone = await what.then(() => true, ignoring(code))
  if (isDone) throw new Error(`nothing fails with ${code}`)
}

function ignoring(code: string): (error: { code?: string }) => undefined {
  return (error) => {
    if (error.code !== code) throw error
  }
}

/** Failpoints that only this scenario passes. */
export const isOfLifecycle = (name: string): boolean =>
  /^(events|exec|log-feeder|owner|restore|update|view)\./.test(name)
