// A data volume is backed up to a tar and restored into another volume, twice: by a helper container as the tutorials do,
// and by the volume's own verbs.
//
//   npx tsx examples/volume-backup.ts
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Engine } from 'inboard'

await using engine = await Engine.open()
await using scope = engine.scope()
const here = await mkdtemp(join(tmpdir(), 'inboard-'))
scope.defer(() => rm(here, { recursive: true }))

/** Runs a script in Debian to its end, with volumes, and gives what it prints. */
async function sh(script: string, ...volumes: string[]): Promise<string> {
  const command = ['/bin/sh', '-ec', script]
  const { stdout, stderr, exitCode } = await engine
    .run('debian', command)
    .volume(...volumes)
    .rm()
    .output()
  if (exitCode !== 0) throw new Error(stderr)
  return stdout.trim()
}

// docker run --name dbdata -v /dbdata debian ...: a container that runs no more, and only holds a volume.
const fill = 'echo Ada >/dbdata/people; echo Grace >>/dbdata/people'
const dbdata = await scope.use(engine.run('debian', ['/bin/sh', '-c', fill]).name('dbdata').volume('/dbdata'))
await dbdata.wait()

// docker run --rm --volumes-from dbdata -v $PWD:/backup debian tar cf /backup/backup.tar /dbdata
const tar = ['tar', 'cf', '/backup/backup.tar', '-C', '/dbdata', '.']
await engine.run('debian', tar).volumesFrom('dbdata').volume(`${here}:/backup`).rm().output()

// docker run --rm -v dbdata2:/dbdata -v $PWD:/backup debian tar xf /backup/backup.tar -C /dbdata
await scope.volume('dbdata2')
await sh('tar xf /backup/backup.tar -C /dbdata', 'dbdata2:/dbdata', `${here}:/backup`)
console.log(`restored by a helper: ${await sh('cat /dbdata/people', 'dbdata2:/dbdata')}`)

// The same without a helper, whether a container uses the volume or not.
const source = await engine.volumes.get('dbdata2')
await pipeline(source.export(), createWriteStream(join(here, 'volume.tar')))
const target = await scope.volume('dbdata3')
const { entries, size } = await target.import(createReadStream(join(here, 'volume.tar')))
console.log(
  `restored by itself: ${entries} entries of ${size} bytes, ${await sh('cat /dbdata/people', 'dbdata3:/dbdata')}`,
)

// And without a tar: a clone, copy-on-write where the filesystem can.
await scope.use(target.clone('dbdata4'))
console.log(`cloned: ${await sh('cat /dbdata/people', 'dbdata4:/dbdata')}`)
