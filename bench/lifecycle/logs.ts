import { statSync } from 'node:fs'
import type { Engine } from 'inboard'
import { openDockerCommand } from '../peers/docker.js'
import { median, printTable, printTarget } from '../statistics.js'
import type { Workspace } from '../workspace.js'

const program = ['sh', '-c', 'head -c 209715200 /dev/zero | base64']

/** Much output in short lines: attached and read to its end, with the log on the disk. */
export async function compareLogs(workspace: Workspace, engine: Engine, rounds: number): Promise<void> {
  const docker = await openDockerCommand(workspace, ['run', '--rm', '--network', 'none', 'busybox', ...program])
  if ('skipped' in docker) console.log(`skipped docker run: ${docker.skipped}`)
  const own: { ms: number; bytes: number; logBytes: number }[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    own.push(await runOwn(engine))
    if (!('skipped' in docker)) theirs.push((await docker.run()).removed)
  }
  const [ours, dockers] = [median(own.map(({ ms }) => ms)), median(theirs)]
  const bytes = own[0]?.bytes ?? 0
  const rate = (ms: number) => (bytes / 1e6 / (ms / 1000)).toFixed(0)
  console.log(
    `\nlog throughput: ${(bytes / 1e6).toFixed(0)} MB of lines, ${((own[0]?.logBytes ?? 0) / 1e6).toFixed(0)} MB of log`,
  )
  printTable(
    ['', 'median ms', 'MB/s'],
    [
      ['inboard run().attach(), read to the end', ours.toFixed(0), rate(ours)],
      ['docker run > /dev/null', dockers.toFixed(0), rate(dockers)],
    ],
  )
  printTarget('log throughput, inboard / docker run', dockers / ours, 3, '', 'atLeast')
}

async function runOwn(engine: Engine) {
  const began = performance.now()
  const io = await engine.run('busybox', program).network('none').attach()
  let bytes = 0
  io.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  io.stderr.resume()
  const { exitCode } = await io.exit
  const ms = performance.now() - began
  if (exitCode !== 0 || bytes === 0) throw new Error(`the program ended with ${exitCode}, and wrote ${bytes} bytes`)
  const { id } = io.container
  const logBytes = statSync(`${engine.root}/containers/${id}/${id}-json.log`).size
  await io.container.remove()
  return { ms, bytes, logBytes }
}
