import type { Engine } from '../../../src/index.js'
import { Random } from './random.js'

/** What a churning process says: of container `name`, that `fact` is acknowledged, or that it is about to change. */
export interface Acknowledgement {
  readonly name: string
  readonly fact: string | undefined
}

/** Random verbs on containers of its own until it is killed. */
export async function churn(
  engine: Engine,
  prefix: string,
  seed: number,
  say: (fact: unknown) => void,
): Promise<never> {
  const random = new Random(seed)
  const kept: string[] = []
  for (let n = 0; ; n++) {
    const verb = random.pick(['run', 'run', 'keep', 'create', 'exec', 'stop', 'restart', 'remove', 'remove'] as const)
    const isNew = verb === 'run' || verb === 'keep' || verb === 'create'
    const name = isNew || kept.length === 0 ? `${prefix}-${n}` : random.pick(kept)
    if (!isNew && !kept.includes(name)) continue
    say({ name, fact: undefined })
    try {
      const fact = await verbs[verb](engine, name, random.below(100))
      if (fact === 'absent' && kept.includes(name)) kept.splice(kept.indexOf(name), 1)
      else if (fact !== 'absent' && isNew) kept.push(name)
      say({ name, fact })
    } catch (error) {
      // Its supervisor may have been killed under it: then nothing is known of it.
      const { code, stack } = error as { code?: string; stack?: string }
      if (!expected.has(code)) say({ unexpected: stack })
    }
  }
}

const expected: ReadonlySet<unknown> = new Set(['LAUNCH_FAILED', 'INVALID_STATE', 'CONTAINER_NOT_FOUND', 'NAME_IN_USE'])

const verbs = {
  async run(engine: Engine, name: string, code: number) {
    const { exitCode } = await engine
      .run('busybox', ['sh', '-c', `exit ${code}`])
      .name(name)
      .rm()
      .output()
    if (exitCode !== code && exitCode !== 137) throw new Error(`${name} ended with ${exitCode}, not ${code}`)
    return 'absent'
  },
  async keep(engine: Engine, name: string) {
    await engine.run('busybox', ['sleep', '1000']).name(name).memory('32m')
    return 'running'
  },
  async create(engine: Engine, name: string, code: number) {
    const container = await engine
      .run('busybox', ['sh', '-c', `exit ${code}`])
      .name(name)
      .create()
    if (code % 2 === 0) return 'created'
    await container.start()
    return `exited ${(await container.wait()).exitCode}`
  },
  async exec(engine: Engine, name: string) {
    const container = await engine.containers.get(name)
    await container.exec(['true'])
    return 'running'
  },
  async stop(engine: Engine, name: string) {
    const container = await engine.containers.get(name)
    await container.stop({ timeoutMs: 1 })
    const { State } = await container.inspect()
    return State.Status === 'exited' ? `exited ${State.ExitCode}` : State.Status
  },
  async restart(engine: Engine, name: string) {
    const container = await engine.containers.get(name)
    await container.start()
    return undefined
  },
  async remove(engine: Engine, name: string) {
    await (await engine.containers.get(name)).remove({ force: true })
    return 'absent'
  },
}
