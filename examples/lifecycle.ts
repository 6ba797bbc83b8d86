// A service that is watched: health checks, restarts, events, statistics, a shell in it, and files in and out.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Engine } from 'inboard'

const directory = await mkdtemp(join(tmpdir(), 'inboard-'))
const engine = await Engine.open({ root: join(directory, 'root'), runRoot: join(directory, 'run') })
try {
  await engine.images.fromHost({ executables: ['/bin/sh', 'sleep', 'cat', 'touch', 'test', 'rm'], reference: 'tools' })
  engine.on('container.die', ({ actor }) =>
    console.log(`${actor.attributes.name} ended with ${actor.attributes.exitCode}`),
  )

  // It makes itself ready, and fails when it is told to; the supervisor starts it again, whether this process lives or not.
  const program = 'touch /ready; while test ! -e /fail; do sleep 0.05; done; rm /fail; exit 3'
  const service = await engine
    .run('tools', ['/bin/sh', '-c', program])
    .name('service')
    .network('none')
    .restart('on-failure:5')
    .healthCmd('test -e /ready')
    .healthInterval('100ms')
    .healthStartPeriod('10s')
    .healthStartInterval('100ms')
  await service.waitFor('healthy', { timeoutMs: 30_000 })
  console.log('healthy')

  await writeFile(join(directory, 'note'), 'from the host\n')
  await service.copyTo(join(directory, 'note'), '/note')
  const { stdout } = await service.exec(['cat', '/note'])
  console.log(`the container reads: ${stdout.trim()}`)

  const { pids } = await service.stats()
  const { processes } = await service.top('-o pid,args')
  console.log(`${pids} processes, the first of them ${processes[0]?.at(-1)}`)

  const failed = service.wait({ condition: 'next-exit' })
  await service.exec(['touch', '/fail'])
  const { exitCode } = await failed
  await service.waitFor('healthy', { timeoutMs: 30_000 })
  const { RestartCount, State } = await service.inspect()
  console.log(`after exit code ${exitCode} it is ${State.Status} again, restarted ${RestartCount} time`)

  await service.copyFrom('/note', join(directory, 'back'))
  console.log(`copied back: ${(await readFile(join(directory, 'back'), 'utf8')).trim()}`)
  await service.stop({ timeoutMs: 100 })
  await service.remove()

  const told: string[] = []
  for await (const { action } of engine.events({ since: 0, until: new Date(), filters: { container: ['service'] } }))
    if (!action.startsWith('exec')) told.push(action)
  console.log(`what happened: ${told.join(', ')}`)
} finally {
  await engine.close()
  await rm(directory, { recursive: true, force: true })
}
