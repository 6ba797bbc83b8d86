import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Container, Engine, RunBuilder, Snapshot } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine

beforeAll(async () => {
  host = await testEngine(['busybox', 'debian'])
  engine = host.engine
  loaded = imageLayers()
})
afterEach(async () => {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true, volumes: true })
  for (const { id } of await engine.snapshots.list()) await (await engine.snapshots.get(id)).remove()
  for (const { name } of await engine.volumes.list()) await (await engine.volumes.get(name)).remove()
  await engine.networks.prune()
  expect(layers()).toEqual([])
  expect(imageLayers()).toEqual(loaded)
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect(left).toEqual([])
})

const code = (expected: string) => expect.objectContaining({ code: expected })
const layers = () => {
  const path = join(engine.root, 'volumes/.layers')
  return existsSync(path) ? readdirSync(path) : []
}
/** The layers of images, without what containers need beside them. */
const imageLayers = () => readdirSync(join(engine.root, 'snapshots')).filter((name) => /^[a-z2-7]{26}$/.test(name))
let loaded: readonly string[]

/** Sleeps until it is removed. */
const sleeping = (image = 'busybox'): RunBuilder => engine.run(image, ['sleep', '10000'])
async function sh(container: Container, script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await container.exec(['sh', '-ec', script])
  if (exitCode !== 0) throw new Error(`${exitCode}: ${stdout}${stderr}`)
  return stdout
}
const put = (container: Container, file: string, text: string) => sh(container, `echo ${text} >${file}`)
const get = async (container: Container, file: string) => (await sh(container, `cat ${file}`)).trim()
const clone = async (snapshot: Snapshot): Promise<Container> => snapshot.run()

/** All there is to see of files below some directories, from inside. */
const lookAt = (container: Container, ...paths: string[]) =>
  sh(
    container,
    `cd /; find ${paths.join(' ')} -printf '%y %m %U:%G %s %l %T@ %p\\n' | sort -k 7; getfattr -R -d -m - ${paths.join(' ')} 2>/dev/null || true`,
  )

describe('files', () => {
  test('a clone has the files that the original had then, whatever becomes of those', async () => {
    const original = await sleeping().volume('data:/data', '/scratch')
    await put(original, '/root/file', 'rootfs')
    await put(original, '/data/file', 'named')
    await put(original, '/scratch/file', 'anonymous')
    const snapshot = await original.snapshot()
    await sh(original, 'echo later | tee /root/file /data/file /scratch/file /data/new')
    const one = await clone(snapshot)
    expect(await sh(one, 'cat /root/file /data/file /scratch/file; ls /data')).toBe('rootfs\nnamed\nanonymous\nfile\n')
    await sh(one, 'echo own | tee /root/file /data/file /scratch/file')
    const other = await clone(snapshot)
    expect(await sh(other, 'cat /root/file /data/file /scratch/file')).toBe('rootfs\nnamed\nanonymous\n')
    expect(await sh(original, 'cat /root/file /data/file')).toBe('later\nlater\n')
  })

  test('kinds, modes, owners, times, links, holes and what was removed are as they were', async () => {
    const original = await sleeping('debian').volume('data:/data')
    const make = `
      mkdir -p $d/deep/er; echo x >$d/deep/er/file; chown 999:1000 $d/deep; chmod 2750 $d/deep
      ln -s /etc/passwd $d/link; mkfifo -m 640 $d/fifo; mknod -m 666 $d/null c 1 3
      echo setuid >$d/setuid; chmod 4755 $d/setuid
      truncate -s 1G $d/hole; echo end >>$d/hole
      touch -d '2001-02-03 04:05:06.789' $d/deep/er/file $d/deep`
    await sh(original, ['/root', '/data'].map((directory) => `d=${directory}; ${make}`).join('\n'))
    await sh(original, 'rm -r /usr/share/doc; rm /etc/motd; ln /root/deep/er/file /root/again; mkdir /usr/share/doc')
    const before = await lookAt(original, 'root', 'data', 'etc/motd', 'usr/share/doc')
    const snapshot = await original.snapshot()
    const copy = await clone(snapshot)
    expect(await lookAt(copy, 'root', 'data', 'etc/motd', 'usr/share/doc')).toBe(before)
    expect(await sh(copy, 'stat -c %b /root/hole /data/hole')).toBe(
      await sh(original, 'stat -c %b /root/hole /data/hole'),
    )
  })

  test('a volume of files with several names is copied for each clone, and keeps them', async () => {
    const original = await sleeping().volume('data:/data')
    await sh(original, 'echo one >/data/file; ln /data/file /data/same')
    const snapshot = await original.snapshot()
    expect((await snapshot.inspect()).volumes).toMatchObject([{ name: 'data', isShared: false }])
    const [one, other] = [await clone(snapshot), await clone(snapshot)]
    await put(one, '/data/file', 'changed')
    expect(await sh(one, 'cat /data/same; stat -c %h /data/file')).toBe('changed\n2\n')
    expect(await sh(other, 'cat /data/same; stat -c %h /data/file')).toBe('one\n2\n')
  })

  test('a volume that was emptied is empty in a clone, whatever the image has there', async () => {
    const original = await sleeping('debian').volume('/etc/apt')
    await sh(original, 'rm -r /etc/apt/*')
    const copy = await clone(await original.snapshot())
    expect(await sh(copy, 'ls -A /etc/apt')).toBe('')
  })

  test('several mounts of one volume are several mounts of one volume', async () => {
    const original = await sleeping().volume('data:/one', 'data:/two:ro')
    await put(original, '/one/file', 'x')
    const copy = await clone(await original.snapshot())
    await put(copy, '/one/file', 'changed')
    expect(await get(copy, '/two/file')).toBe('changed')
    await expect(sh(copy, 'touch /two/file')).rejects.toThrow('Read-only')
    expect(await get(original, '/two/file')).toBe('x')
  })

  test('paths of the host are the same ones, memory is new', async () => {
    const original = await sleeping().volume(`${host.directory}:/host`).tmpfs('/memory')
    await put(original, '/host/shared', 'before')
    await put(original, '/memory/file', 'gone')
    const snapshot = await original.snapshot()
    await put(original, '/host/shared', 'after')
    const copy = await clone(snapshot)
    expect(await get(copy, '/host/shared')).toBe('after')
    expect(await sh(copy, 'ls -A /memory')).toBe('')
    expect((await snapshot.inspect()).excluded).toEqual([
      { type: 'bind', destination: '/host' },
      { type: 'tmpfs', destination: '/memory' },
    ])
  })
})

describe('one moment', () => {
  test('files and volumes are of one moment, also those that others write', async () => {
    // Each number is written to one volume, then to the other, then to the root: none is ahead of the one before.
    const script = 'i=0; while :; do i=$((i+1)); echo $i >/one/n; echo $i >/two/n; echo $i >/root/n; done'
    const original = await engine.run('busybox', ['sh', '-c', script]).volume('one:/one', 'two:/two')
    const echo = 'while :; do cat /one/n >/two/seen; cat /one/n >/one/seen; done'
    const other = await engine.run('busybox', ['sh', '-c', echo]).volume('one:/one', 'two:/two')
    await original.exec(['sh', '-c', 'until [ -s /root/n ] && [ -s /one/seen ]; do :; done'])
    for (let at = 0; at < 5; at++) {
      await using snapshot = await original.snapshot()
      const { stdout } = await snapshot.run(['sh', '-c', 'cat /one/n /two/n /root/n']).rm().output()
      const numbers = stdout.trim().split('\n').map(Number)
      expect(Math.max(...numbers) - Math.min(...numbers)).toBeLessThanOrEqual(1)
    }
    // Everybody goes on.
    const before = await get(original, '/root/n')
    await original.exec(['sh', '-c', `while [ "$(cat /root/n)" = "${before}" ]; do :; done`])
    await other.exec(['sh', '-c', 'rm /two/seen; until [ -s /two/seen ]; do :; done'])
    expect((await other.inspect()).State.Status).toBe('running')
  })

  test('a snapshot is taken of one that is paused, has ended, or has never run', async () => {
    const paused = await sleeping().volume('/data')
    await put(paused, '/data/file', 'paused')
    await paused.pause()
    const ended = await engine.run('busybox', ['sh', '-c', 'echo ended >/data/file']).volume('/data')
    await ended.wait()
    const created = await sleeping().volume('/data').create()
    const first = await paused.snapshot()
    expect((await paused.inspect()).State.Status).toBe('paused')
    expect(await get(await clone(first), '/data/file')).toBe('paused')
    const second = await ended.snapshot()
    const { stdout } = await second.run(['cat', '/data/file']).output()
    expect(stdout).toBe('ended\n')
    expect(await sh(await clone(await created.snapshot()), 'ls -A /data')).toBe('')
  })

  test('nothing stands still where that is not wanted', async () => {
    const original = await sleeping().volume('/data')
    await put(original, '/data/file', 'x')
    expect(await get(await clone(await original.snapshot({ pause: false })), '/data/file')).toBe('x')
  })
})

describe('clones', () => {
  test('a clone has the configuration of its original, and a name, a hostname and addresses of its own', async () => {
    await engine.networks.create('back')
    await engine.networks.create('side')
    const original = await sleeping()
      .name('original')
      .hostname('known')
      .network('back')
      .networkAlias('db')
      .networks({ network: 'side', alias: 'side-db' })
      .env({ COLOR: 'blue' })
      .label({ kind: 'test' })
      .user('65534:65534')
      .workdir('/tmp')
      .memory('64m')
      .publish('0:80', '127.0.0.1:0:81')
      .restart('on-failure:2')
    const snapshot = await original.snapshot()
    const copy = await snapshot.run().env({ SIZE: 'big' }).label({ more: 'yes' })
    const [was, is] = [await original.inspect(), await copy.inspect()]
    expect(copy.name).not.toBe('original')
    expect(is.Config.Hostname).toBe(copy.id.slice(0, 12))
    expect(is.Config.Image).toBe('busybox')
    expect(is.Config.Env).toEqual([
      ...(was.Config.Env ?? []).slice(0, 1),
      'SIZE=big',
      ...(was.Config.Env ?? []).slice(1),
    ])
    expect(is.Config.Labels).toEqual({ kind: 'test', more: 'yes' })
    expect(is.Config).toMatchObject({ User: '65534:65534', WorkingDir: '/tmp', Cmd: ['sleep', '10000'] })
    expect(is.HostConfig).toMatchObject({
      Memory: 64 * 2 ** 20,
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
    })
    expect(Object.keys(is.NetworkSettings.Networks)).toEqual(['back', 'side'])
    expect(is.NetworkSettings.Networks.back?.MacAddress).not.toBe(was.NetworkSettings.Networks.back?.MacAddress)
    const ports = await copy.ports()
    expect(Object.keys(ports)).toEqual(['80/tcp', '81/tcp'])
    expect(await sh(copy, 'nslookup side-db | grep -c Address')).toBe('3\n')
    expect((await snapshot.inspect()).options).toMatchObject({ network: 'back', networkAlias: ['db'] })
    const elsewhere = await snapshot.run().network('none')
    expect(Object.keys((await elsewhere.inspect()).NetworkSettings.Networks)).toEqual(['none'])
  })

  test('addresses and ports that the original asked for are not asked for again', async () => {
    await engine.networks.create('fixed', { subnet: ['10.211.7.0/24'] })
    const original = await sleeping()
      .network('fixed')
      .ip('10.211.7.77')
      .macAddress('02:42:0a:d3:07:4d')
      .publish('127.0.0.1:18765:80')
    const copy = await clone(await original.snapshot())
    const { IPAddress, MacAddress } = (await copy.inspect()).NetworkSettings.Networks.fixed ?? {}
    expect([IPAddress, MacAddress]).not.toContain('10.211.7.77')
    expect([IPAddress, MacAddress]).not.toContain('02:42:0a:d3:07:4d')
    expect(await copy.ports()).not.toEqual(await original.ports())
  })

  test('a clone that is removed takes its volumes along, and nobody elses', async () => {
    const original = await sleeping().volume('data:/data', '/scratch')
    await put(original, '/data/file', 'x')
    const snapshot = await original.snapshot()
    const [one, other] = [await clone(snapshot), await clone(snapshot)]
    expect((await engine.volumes.list()).length).toBe(6)
    await one.remove({ force: true })
    expect((await engine.volumes.list()).length).toBe(4)
    await snapshot.run(['true']).rm().output()
    expect((await engine.volumes.list()).length).toBe(4)
    expect(await get(other, '/data/file')).toBe('x')
  })

  test('of a clone that removes itself nothing is synced, and it can be started again', async () => {
    const original = await sleeping().volume('/data')
    await put(original, '/data/file', 'x')
    const snapshot = await original.snapshot()
    const options = (container: Container) => sh(container, 'grep -c "^overlay .*[,=]volatile" /proc/mounts || true')
    expect(await options(await clone(snapshot))).toBe('0\n')
    const copy = await snapshot.run().rm()
    expect(await options(copy)).toBe('2\n')
    await put(copy, '/data/own', 'y')
    await copy.restart({ timeoutMs: 0 })
    expect(await sh(copy, 'cat /data/file /data/own')).toBe('x\ny\n')
  })

  test('a clone of what ends with its process does so too, unless it is told otherwise', async () => {
    const other = await host.reopen()
    const original = await other.run('busybox', ['sleep', '10000']).ephemeral().volume('/data')
    await put(original, '/data/file', 'x')
    const snapshot = await original.snapshot({ name: 'of-ephemeral' })
    await snapshot.run().name('goes')
    await snapshot.run(undefined, { ephemeral: false, rm: false }).name('stays')
    await other.close()
    expect((await engine.containers.list({ all: true })).map(({ name }) => name)).toEqual(['stays'])
    expect(await get(await engine.containers.get('stays'), '/data/file')).toBe('x')
  })

  test('what is mounted in a volumes place is mounted there, and it has no such volume', async () => {
    const original = await sleeping().volume('data:/data')
    await put(original, '/data/file', 'x')
    const snapshot = await original.snapshot()
    const copy = await snapshot.run().volume('other:/data')
    expect(await sh(copy, 'ls -A /data')).toBe('')
    expect((await copy.inspect()).Mounts.map(({ Name }) => Name)).toEqual(['other'])
  })

  test('a snapshot of a clone has what that has changed, over what it began with', async () => {
    const original = await sleeping().volume('data:/data')
    await sh(original, 'mkdir -p /data/sub /root/sub; echo 1 | tee /data/one /data/sub/a /root/one /root/sub/a')
    const first = await original.snapshot()
    const copy = await clone(first)
    await sh(
      copy,
      'echo 2 | tee /data/two /root/two; rm /data/one /root/one; mv /data/sub /data/moved; echo 3 >/data/moved/b',
    )
    const second = await copy.snapshot()
    await first.remove()
    await copy.remove({ force: true })
    await original.remove({ force: true, volumes: true })
    const third = await clone(second)
    expect(await sh(third, 'cd /data; find . -type f | sort; cat two moved/a moved/b; ls /root')).toBe(
      './moved/a\n./moved/b\n./two\n2\n1\n3\nsub\ntwo\n',
    )
    const fourth = await clone(await third.snapshot())
    await second.remove()
    await third.remove({ force: true })
    expect(await sh(fourth, 'cat /data/moved/b')).toBe('3\n')
  })

  test('clones go on when the snapshot, the original and its image are removed', async () => {
    const original = await sleeping().volume('data:/data')
    await put(original, '/data/file', 'x')
    await put(original, '/root/file', 'y')
    const snapshot = await original.snapshot()
    const copy = await clone(snapshot)
    await original.remove({ force: true, volumes: true })
    await (await engine.volumes.get('data')).remove()
    await snapshot.remove()
    await copy.restart({ timeoutMs: 0 })
    expect(await sh(copy, 'cat /data/file /root/file')).toBe('x\ny\n')
    await expect(clone(snapshot)).rejects.toEqual(code('SNAPSHOT_NOT_FOUND'))
    await expect(snapshot.inspect()).rejects.toEqual(code('SNAPSHOT_NOT_FOUND'))
    await expect(snapshot.remove()).rejects.toEqual(code('SNAPSHOT_NOT_FOUND'))
    await snapshot.close()
  })

  test('an image that is removed stays for its snapshots, and goes with the last of them', async () => {
    const original = await engine.run('debian', ['sh', '-c', 'echo x >/root/file'])
    await original.wait()
    const image = await original.commit('committed')
    const second = await engine.run('committed', ['sleep', '10000'])
    const snapshot = await second.snapshot()
    await second.remove({ force: true })
    await image.remove()
    expect(await get(await clone(snapshot), '/root/file')).toBe('x')
    expect((await engine.images.list()).flatMap(({ repoTags }) => repoTags)).not.toContain('committed:latest')
  })

  test('an image that is committed of a clone is one like others', async () => {
    const original = await sleeping()
    await put(original, '/root/file', 'x')
    const copy = await clone(await original.snapshot())
    await put(copy, '/root/more', 'y')
    const image = await copy.commit('of-a-clone')
    const { stdout } = await engine.run('of-a-clone', ['cat', '/root/file', '/root/more']).rm().output()
    expect(stdout).toBe('x\ny\n')
    await copy.remove({ force: true })
    await image.save(join(host.directory, 'clone.tar'))
    await image.remove()
    const [loaded] = await engine.images.load(join(host.directory, 'clone.tar'))
    await loaded?.remove()
  })
})

describe('the snapshots of a root', () => {
  test('one is found by its name, its id and the beginning of that, from any process', async () => {
    const original = await sleeping().name('box')
    const one = await original.snapshot({ name: 'first', labels: { stage: 'ci' } })
    const other = await original.snapshot()
    expect(other.name).toMatch(/^box-[0-9a-f]{8}$/)
    const elsewhere = await host.reopen()
    for (const key of ['first', one.id, one.id.slice(0, 12)])
      expect((await elsewhere.snapshots.get(key)).id).toBe(one.id)
    expect(await elsewhere.snapshots.list()).toMatchObject([
      { id: other.id, labels: {} },
      { id: one.id, name: 'first', labels: { stage: 'ci' }, container: { name: 'box' }, image: 'busybox' },
    ])
    await expect(elsewhere.snapshots.get('nobody')).rejects.toEqual(code('SNAPSHOT_NOT_FOUND'))
    await expect(original.snapshot({ name: 'first' })).rejects.toEqual(code('SNAPSHOT_EXISTS'))
    await expect(original.snapshot({ name: '-' })).rejects.toEqual(code('INVALID_NAME'))
  })

  test('one that is not wanted any more while it is taken leaves nothing', async () => {
    const original = await sleeping().volume('data:/data')
    await sh(original, 'dd if=/dev/zero of=/data/large bs=1M count=100 2>/dev/null')
    const stop = new AbortController()
    const taking = original.snapshot({ signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(taking).rejects.toThrow('enough')
    expect(await engine.snapshots.list()).toEqual([])
    expect(layers()).toEqual([])
    expect((await original.inspect()).State.Status).toBe('running')
    await expect(original.snapshot({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
  })

  test('of a container that is gone there is none', async () => {
    const original = await sleeping()
    await original.remove({ force: true })
    await expect(original.snapshot()).rejects.toEqual(code('CONTAINER_NOT_FOUND'))
  })

  test('it is disposed of at the end of its block', async () => {
    const original = await sleeping()
    {
      await using snapshot = await original.snapshot()
      expect(await engine.snapshots.list()).toMatchObject([{ id: snapshot.id }])
    }
    expect(await engine.snapshots.list()).toEqual([])
  })

  test('volumes and images of snapshots are nobody elses: they are not listed, and not pruned', async () => {
    const original = await sleeping().volume('data:/data')
    await put(original, '/data/file', 'x')
    await put(original, '/root/file', 'y')
    const images = (await engine.images.list({ all: true })).length
    const snapshot = await original.snapshot()
    await original.remove({ force: true, volumes: true })
    await engine.prune({ volumes: true })
    await engine.volumes.prune({ all: true })
    expect(await engine.volumes.list()).toEqual([])
    expect((await engine.images.list({ all: true })).length).toBe(images)
    const copy = await clone(snapshot)
    expect(await sh(copy, 'cat /data/file /root/file')).toBe('x\ny\n')
  })

  test('many clones at once have each their own', async () => {
    const original = await sleeping().volume('data:/data')
    await put(original, '/data/file', 'x')
    const snapshot = await original.snapshot()
    const clones = await Promise.all(Array.from({ length: 12 }, (_, at) => snapshot.run().name(`clone-${at}`)))
    await Promise.all(clones.map((one, at) => put(one, '/data/own', String(at))))
    expect(await Promise.all(clones.map((one) => get(one, '/data/own')))).toEqual(clones.map((_, at) => String(at)))
    expect(layers()).toHaveLength(1)
  })
})

test('where there is no overlayfs, each clone has a copy', async () => {
  await using other = await testEngine(['busybox'], { storageDriver: 'vfs' })
  const original = await other.engine.run('busybox', ['sleep', '10000']).volume('data:/data')
  await sh(original, 'echo x >/data/file; echo y >/root/file; rm /etc/group')
  await using snapshot = await original.snapshot()
  expect((await snapshot.inspect()).volumes).toMatchObject([{ name: 'data', isShared: false }])
  const copy = await clone(snapshot)
  await put(copy, '/data/file', 'changed')
  expect(await sh(copy, 'cat /data/file /root/file; ls /etc/group 2>&1 || true')).toContain(
    'changed\ny\nls: /etc/group',
  )
  expect(await get(original, '/data/file')).toBe('x')
})
