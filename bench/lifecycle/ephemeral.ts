import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from 'inboard'
import { median, printTable, printTarget } from '../statistics.js'

/** What is gone, and how many ms after `kill -9` of who has made it; and what `.ephemeral()` costs a start. */
export async function measureEphemeral(engine: Engine, runs: number, kills: number): Promise<void> {
  const rows: string[][] = []
  for (const containers of [1, 10]) {
    const took: number[] = []
    for (let n = 0; n < kills; n++) took.push(await killedMs(engine, containers))
    rows.push([`${containers} containers, a network, a volume`, median(took).toFixed(1), Math.max(...took).toFixed(1)])
    printTarget(`ms after kill -9 until nothing is left of ${containers} containers`, median(took), 100)
  }
  printTable(['after kill -9', 'median ms', 'most'], rows)
  await compareStarts(engine, runs)
}

/** Until the directory of the owner has gone, which is the last thing. */
async function killedMs({ root, runRoot }: Engine, containers: number): Promise<number> {
  const program = `
    import { Engine } from ${JSON.stringify(import.meta.resolve('inboard'))}
    const engine = await Engine.open(${JSON.stringify({ root, runRoot })})
    const net = await engine.networks.create('n${process.hrtime.bigint()}').ephemeral()
    const volume = await engine.volumes.create('v${process.hrtime.bigint()}').ephemeral()
    for (let n = 0; n < ${containers}; n++)
      await engine.run('busybox', ['sleep', '1000']).ephemeral().network(net.name).volume(volume.name + ':/data').volume('/own')
    process.stdout.write('ready')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const gone = once(child, 'exit')
  const began = performance.now()
  child.kill('SIGKILL')
  while (readdirSync(join(runRoot, 'owners')).length > 0) await delay(1)
  const took = performance.now() - began
  await gone
  return took
}

async function compareStarts(engine: Engine, runs: number): Promise<void> {
  const took = { rm: [] as number[], ephemeral: [] as number[] }
  for (let n = 0; n < runs; n++)
    for (const kind of ['rm', 'ephemeral'] as const) {
      const began = performance.now()
      const container = await engine.run('busybox', ['sleep', '1000']).network('none')[kind]()
      took[kind].push(performance.now() - began)
      await container.close()
    }
  const more = median(took.ephemeral) - median(took.rm)
  console.log(`start: ${median(took.rm).toFixed(2)} ms, ephemeral ${median(took.ephemeral).toFixed(2)} ms`)
  printTarget('ms that a start is slower by for being ephemeral', more, 0.5)
}
