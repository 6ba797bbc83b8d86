import { join } from 'node:path'
import type { Engine } from 'inboard'
import { median, printTable, printTarget } from '../statistics.js'
import { ensureProgram, execute } from '../workspace.js'

const image = 'fio'
const file = 'fio.data'
const sizeMiB = 256
const seconds = '2'

/** What fio does with the file, past the page cache, and which of its figures counts: bytes a second. */
const patterns = {
  'sequential write, 1 MiB': { side: 'write', options: ['--rw=write', '--bs=1M'] },
  'sequential read, 1 MiB': { side: 'read', options: ['--rw=read', '--bs=1M'] },
  'random write, 4 KiB': { side: 'write', options: ['--rw=randwrite', '--bs=4k'] },
  'random read, 4 KiB': { side: 'read', options: ['--rw=randread', '--bs=4k'] },
} as const

type Pattern = keyof typeof patterns
type Side = (typeof patterns)[Pattern]['side']

/** Runs fio somewhere, and gives what it reports. */
type Fio = (options: readonly string[]) => Promise<string>

/** The same fio with the same file: by the host itself, through a volume, through a bind; in turns. */
export async function compareIo(engine: Engine, turns: number): Promise<void> {
  if (!(await ensureProgram('fio', 'fio'))) return
  await engine.images.fromHost({ executables: ['fio'], reference: image })
  const volume = await engine.volumes.create('io')
  const { Mountpoint: directory } = await volume.inspect()
  const roads: Readonly<Record<'host' | 'volume' | 'bind', Fio>> = {
    host: async (options) => (await execute('fio', [`--filename=${join(directory, file)}`, ...options])).stdout,
    volume: inContainer(engine, 'io'),
    bind: inContainer(engine, directory),
  }
  await roads.host([...common, '--rw=write', '--bs=1M', '--end_fsync=1'])
  const rows: string[][] = []
  const ratios: [string, number][] = []
  for (const pattern of Object.keys(patterns) as Pattern[]) {
    const { host, ...others } = await inTurns(roads, pattern, turns)
    rows.push([pattern, ...[host, others.volume, others.bind].map((rates) => (median(rates) / 1e6).toFixed(1))])
    // Disks are faster at times: what counts is how each turn compares with the host's own beside it.
    for (const [road, rates] of Object.entries(others))
      ratios.push([`${pattern}: ${road}, × host`, median(rates.map((rate, turn) => rate / (host[turn] ?? Number.NaN)))])
  }
  await volume.remove()
  console.log('\nfio with direct I/O on one file, MB/s')
  printTable(['', 'host', 'volume', 'bind'], rows)
  for (const [what, ratio] of ratios) printTarget(what, ratio, 0.97, '', 'atLeast')
}

const common = ['--name=io', `--size=${sizeMiB}M`, '--direct=1', '--ioengine=psync', '--output-format=json']
const timed = ['--time_based', `--runtime=${seconds}`, '--ramp_time=500ms']

function inContainer(engine: Engine, source: string): Fio {
  return async (options) => {
    const command = ['fio', `--filename=/io/${file}`, ...options]
    const { exitCode, stdout, stderr } = await engine
      .run(image, command)
      .volume(`${source}:/io`)
      .network('none')
      .rm()
      .output()
    if (exitCode !== 0) throw new Error(`fio ended with ${exitCode}: ${stderr}`)
    return stdout
  }
}

/** Whoever comes first in a turn comes last in the next one. */
async function inTurns<Road extends string>(
  roads: Readonly<Record<Road, Fio>>,
  pattern: Pattern,
  turns: number,
): Promise<Record<Road, number[]>> {
  const { side, options } = patterns[pattern]
  const order = Object.keys(roads) as Road[]
  const rates = Object.fromEntries(order.map((road) => [road, [] as number[]])) as Record<Road, number[]>
  for (let turn = 0; turn < turns; turn++) {
    for (const road of order) rates[road].push(rateOf(await roads[road]([...common, ...timed, ...options]), side))
    order.reverse()
  }
  return rates
}

function rateOf(report: string, side: Side): number {
  const { jobs } = JSON.parse(report)
  return jobs[0][side].bw_bytes
}
