// Makes an image of this machine's own programs, runs it isolated as Docker would, and says how long a start takes.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Engine } from 'inboard'

const directory = await mkdtemp(join(tmpdir(), 'inboard-'))
const engine = await Engine.open({ root: join(directory, 'root'), runRoot: join(directory, 'run') })
try {
  const image = await engine.images.fromHost({
    executables: ['/bin/sh', 'id', 'hostname', 'ls', 'true', process.execPath],
    reference: 'tools',
  })
  console.log(`image ${image.id.slice(7, 19)}, made of this machine's own programs`)

  const script = 'id; hostname; ls /; echo "processes:" $(ls -d /proc/[0-9]*)'
  const shell = await engine.run('tools', ['/bin/sh', '-c', script]).rm().output()
  console.log(shell.stdout)

  const node = await engine
    .run('tools', [process.execPath, '-p', '"Node " + process.version + " as process " + process.pid'])
    .rm()
    .output()
  console.log(node.stdout)

  const times: number[] = []
  for (let run = 0; run < 20; run++) {
    const begin = performance.now()
    await engine.run('tools', ['true']).rm().output()
    times.push(performance.now() - begin)
  }
  times.sort((a, b) => a - b)
  console.log(`a container from call to result: ${times[10]?.toFixed(1)} ms (median of 20 runs of true)`)
} finally {
  await engine.close()
  await rm(directory, { recursive: true, force: true })
}
